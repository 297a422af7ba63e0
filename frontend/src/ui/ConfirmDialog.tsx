/** Asks once more before something that cannot be taken back. Its code is loaded when it is first opened. */
import { lazy, Suspense, useState } from "react";
import type { ConfirmProps } from "./ConfirmModal";

const ConfirmModal = lazy(() => import("./ConfirmModal"));

export function ConfirmDialog(props: ConfirmProps) {
  const [wasOpened, setOpened] = useState(props.isOpen);
  if (props.isOpen && !wasOpened) setOpened(true);
  if (!wasOpened) return null;
  return (
    <Suspense>
      <ConfirmModal {...props} />
    </Suspense>
  );
}
