/* Figures as people read them: three digits and a unit. */

const COUNT_UNITS = ["", " k", " M", " G", " T"] as const;
const SIZE_UNITS = [" B", " KB", " MB", " GB", " TB"] as const;
/** Watermarks at or beyond it mean that the input has ended. */
const LAST_TIMESTAMP = 8_640_000_000_000_000;

/** `1.23 M`. */
export function countText(count: number): string {
  return scaled(count, COUNT_UNITS);
}

/** `1.23 MB`. */
export function sizeText(sizeBytes: number): string {
  return scaled(sizeBytes, SIZE_UNITS);
}

function scaled(value: number, units: readonly string[]): string {
  let rest = value;
  let unit = 0;
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1_000;
    unit++;
  }
  const digits = unit === 0 || rest >= 99.95 ? 0 : rest >= 9.995 ? 1 : 2;
  return `${rest.toFixed(digits)}${units[unit]}`;
}

/** `340 ms`, `4.1 s`, `2 min 05 s`. */
export function durationText(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 59_950) return `${(durationMs / 1_000).toFixed(1)} s`;
  const seconds = Math.round(durationMs / 1_000);
  return `${Math.floor(seconds / 60)} min ${String(seconds % 60).padStart(2, "0")} s`;
}

/** `2001-02-11 05:12`, `ended`, or `-` before the first watermark. */
export function watermarkText(watermark: number | undefined): string {
  if (watermark === undefined || !(watermark >= -LAST_TIMESTAMP)) return "-";
  if (watermark > LAST_TIMESTAMP) return "ended";
  return new Date(watermark).toISOString().slice(0, 16).replace("T", " ");
}
