/** While the first page is on its way. */
import { Center, Loader } from "@mantine/core";

export function Fallback() {
  return (
    <Center mih="60vh">
      <Loader type="dots" aria-label="Loading" role="status" />
    </Center>
  );
}
