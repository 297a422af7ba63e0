/** Where the short notices of notify.tsx appear. Loaded after the page: what is to be told by then waits in their store. */
import { Notifications } from "@mantine/notifications";

export default function Notices() {
  return <Notifications position="bottom-right" />;
}
