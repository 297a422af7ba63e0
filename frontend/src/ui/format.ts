/** Times and numbers as people read them. Wire instants are seconds since 1970 UTC; durations are seconds. */

const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/** “21 Nov 2026, 09:05”. */
export function instantText(at: number): string {
  const date = new Date(at * 1000);
  return `${DAY.format(date)}, ${TIME.format(date)}`;
}

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** “3 minutes ago”, “yesterday”; the day itself when it is more than a week ago. */
export function agoText(at: number, now: number): string {
  const elapsed = now - at;
  if (Math.abs(elapsed) >= 7 * 86_400) return DAY.format(new Date(at * 1000));
  for (const [unit, length] of STEPS) {
    if (Math.abs(elapsed) >= length) return RELATIVE.format(-Math.trunc(elapsed / length), unit);
  }
  return "just now";
}

/** A length of time: “0.4 s”, “12 s”, “3:05”, “1:02:03”. */
export function durationText(seconds: number): string {
  if (seconds < 10 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${String(whole)} s`;
  const two = (value: number) => String(value).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${String(minutes)}:${two(whole % 60)}`;
  return `${String(Math.floor(minutes / 60))}:${two(minutes % 60)}:${two(whole % 60)}`;
}
