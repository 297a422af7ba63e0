/** The mark and the name. */
import classes from "./Brand.module.css";

export function Brand() {
  return (
    <span className={classes.brand}>
      <img src="/favicon.svg" alt="" width={28} height={28} />
      Offhook
    </span>
  );
}
