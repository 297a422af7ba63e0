/** Short notices at the corner: what went well, and what failed outside of a form. */
import { notifications } from "@mantine/notifications";
import { IconAlertTriangle, IconCheck } from "@tabler/icons-react";
import { messageOf } from "../wire/errors";

export function notifySuccess(message: string): void {
  notifications.show({ message, color: "petrol", icon: <IconCheck size={18} />, autoClose: 4_000 });
}

export function notifyFailure(error: unknown): void {
  notifications.show({
    title: "This did not work",
    message: messageOf(error),
    color: "brick",
    icon: <IconAlertTriangle size={18} />,
    autoClose: 10_000,
  });
}
