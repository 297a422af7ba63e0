/** Below a label: what the setting does, then its range and default. */
import classes from "./Help.module.css";

export function Help({ help, limits }: { help: string; limits: string }) {
  return (
    <>
      {help}
      {limits !== "" && <span className={classes.limits}>{limits}</span>}
    </>
  );
}
