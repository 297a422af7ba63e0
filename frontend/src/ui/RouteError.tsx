/**
 * A page that broke while it was drawn, or could not be loaded. After an update of the installation the files of the old
 * console are gone: then loading the page anew is the cure, and the button does just that.
 */
import { useRouteError } from "react-router";
import { Failure } from "./Loaded";

export function RouteError() {
  const error = useRouteError();
  const isOldConsole = error instanceof TypeError && /dynamically imported module|module script/i.test(error.message);
  return (
    <main>
      <Failure
        error={isOldConsole ? new Error("The console was updated, or cannot be reached.") : error}
        onRetry={() => {
          window.location.reload();
        }}
        retryLabel="Load the page again"
      />
    </main>
  );
}
