/** Lets through who is signed in; everybody else goes to the sign-in page and comes back to where they were going. */
import { useQuery } from "@tanstack/react-query";
import { Navigate, useLocation } from "react-router";
import { sessionQuery } from "../access/session";
import { Fallback } from "./Fallback";
import { Failure } from "./Loaded";
import { Shell } from "./Shell";

export function SignedIn() {
  const session = useQuery(sessionQuery);
  const location = useLocation();
  if (session.isPending) return <Fallback />;
  if (session.isError) {
    return (
      <main>
        <Failure error={session.error} onRetry={() => void session.refetch()} />
      </main>
    );
  }
  if (session.data === null) {
    const wanted = location.pathname + location.search + location.hash;
    return <Navigate to={`/sign-in?next=${encodeURIComponent(wanted)}`} replace />;
  }
  return <Shell />;
}
