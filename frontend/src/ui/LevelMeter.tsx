/** How loud a side is just now. Decoration beside words: a screen reader hears the person itself. */
import classes from "./LevelMeter.module.css";

export function LevelMeter({ label, level, side }: { label: string; level: number; side: "caller" | "agent" }) {
  return (
    <div className={classes.meter}>
      <span className={classes.label}>{label}</span>
      <span className={classes.track} aria-hidden="true">
        <span className={classes.level} data-side={side} style={{ transform: `scaleX(${level.toFixed(3)})` }} />
      </span>
    </div>
  );
}
