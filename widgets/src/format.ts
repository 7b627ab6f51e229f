// Numbers and times as people read them.

/** 950, 12.4k, 1.2M */
export function compact(count: number): string {
  if (count < 1000) return String(count);
  if (count < 999_500) return `${trim(count / 1000)}k`;
  return `${trim(count / 1e6)}M`;
}

const trim = (n: number): string => (n >= 100 ? n.toFixed(0) : n.toFixed(1).replace(/\.0$/, ""));

/** US dollars: cents where there are any, else as many digits as it takes to see something. */
export function money(dollars: number): string {
  if (dollars === 0) return "$0";
  if (dollars >= 0.995) return `$${dollars.toFixed(2)}`;
  if (dollars >= 0.00995) return `$${dollars.toFixed(3)}`;
  if (dollars >= 0.00005) return `$${dollars.toFixed(4)}`;
  return "<$0.0001";
}

/** A duration given in microseconds. */
export function took(us: number): string {
  const seconds = us / 1e6;
  if (seconds < 0.0995) return `${Math.max(0, seconds * 1000).toFixed(seconds < 0.00995 ? 1 : 0)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 59.5) return `${seconds.toFixed(0)} s`;
  const minutes = Math.round(seconds / 60);
  if (seconds < 3599.5) {
    const whole = Math.floor(seconds / 60);
    const rest = Math.round(seconds - whole * 60);
    return rest && rest < 60 ? `${whole} min ${rest} s` : `${minutes} min`;
  }
  if (seconds < 86_370) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${(seconds / 86400).toFixed(1)} days`;
}

const two = (n: number): string => String(n).padStart(2, "0");

/** The time of day, local, of a time in microseconds. */
export function clock(us: number): string {
  const d = new Date(us / 1000);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** The same for an axis, as exact as its ticks (microseconds apart) ask for. */
export function tickLabel(us: number, apart: number): string {
  const whole = clock(us);
  if (apart >= 43200e6) return moment(us).slice(5, 10);
  if (apart >= 60e6) return whole.slice(0, 5);
  if (apart >= 1e6) return whole;
  const digits = apart >= 1e5 ? 1 : 2;
  return `${whole.slice(3)}${((us % 1e6) / 1e6).toFixed(digits).slice(1)}`;
}

/** Day and time of day, local. */
export function moment(us: number): string {
  const d = new Date(us / 1000);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(us)}`;
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`;
  if (size < 1024 ** 2) return `${(size / 1024).toFixed(1)} KiB`;
  if (size < 1024 ** 3) return `${(size / 1024 ** 2).toFixed(1)} MiB`;
  return `${(size / 1024 ** 3).toFixed(1)} GiB`;
}

/** 1 call, 2 calls */
export const count = (n: number, noun: string): string =>
  `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
