/** The dialog of ConfirmDialog.tsx. The way out has the focus. */
import { Button, Group, Modal, Text } from "@mantine/core";
import type { ReactNode } from "react";

export interface ConfirmProps {
  isOpen: boolean;
  title: string;
  children: ReactNode;
  /** What the button does, as a verb: “Delete agent”. */
  confirmLabel: string;
  cancelLabel?: string;
  isBusy?: boolean;
  isDangerous?: boolean;
  onConfirm: () => void;
  onCancel: () => void;
}

export default function ConfirmModal(props: ConfirmProps) {
  const { isOpen, title, children, confirmLabel, cancelLabel = "Cancel", isBusy = false, isDangerous = true } = props;
  return (
    <Modal opened={isOpen} onClose={props.onCancel} title={title} closeButtonProps={{ "aria-label": "Close" }}>
      <Text component="div">{children}</Text>
      <Group justify="flex-end" mt="lg" gap="sm">
        <Button variant="default" onClick={props.onCancel} data-autofocus>
          {cancelLabel}
        </Button>
        <Button color={isDangerous ? "brick" : "petrol"} onClick={props.onConfirm} loading={isBusy}>
          {confirmLabel}
        </Button>
      </Group>
    </Modal>
  );
}
