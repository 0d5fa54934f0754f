/*
 * Progress of a job as lines of text: a table for terminals, one line for logs.
 */
import { styleText } from "node:util";
import { countText, durationText, sizeText, watermarkText } from "./figure-text.ts";
import type { JobFigures, OperatorFigures } from "./job-sampler.ts";

/** How a table is drawn. */
export interface ProgressStyle {
  /** Whether the terminal shows colors; NO_COLOR is the caller's business. */
  readonly hasColor: boolean;
}

const UID_WIDTH_LIMIT = 32;

/** A headline and one line per operator. */
export function progressLines(
  jobName: string,
  figures: JobFigures,
  { hasColor }: ProgressStyle,
): string[] {
  const bold = (text: string): string => (hasColor ? styleText("bold", text, always) : text);
  const dim = (text: string): string => (hasColor ? styleText("dim", text, always) : text);
  const { operators } = figures;
  const uids = operators.map(({ uid }) => uid.length);
  const width = Math.min(UID_WIDTH_LIMIT, Math.max("operator".length, ...uids));
  const [uid, count, rate] = ["operator".padEnd(width), "records", "per s"];
  return [
    `${bold(jobName)}  ${figures.status}  ${durationText(figures.elapsedMs)}`,
    `  watermark ${watermarkText(figures.watermark)}   ${checkpointsText(figures)}`,
    dim(`  ${uid}  ${count.padStart(9)}  ${rate.padStart(9)}  watermark`),
    ...operators.map((operator) => operatorLine(operator, width)),
  ];
}

/** All on one line. */
export function progressLine(jobName: string, figures: JobFigures): string {
  return [
    `${jobName} ${figures.status} ${durationText(figures.elapsedMs)}`,
    `${countText(figures.recordsCount)} records, ${countText(figures.recordsPerSecond)}/s`,
    `watermark ${watermarkText(figures.watermark)}`,
    checkpointsText(figures),
  ].join(" | ");
}

function operatorLine(operator: OperatorFigures, width: number): string {
  const { uid, recordsCount, recordsPerSecond, watermark } = operator;
  const { lateRecordsCount, malformedRecordsCount } = operator;
  const name = uid.length <= width ? uid.padEnd(width) : `${uid.slice(0, width - 1)}…`;
  const count = countText(recordsCount).padStart(9);
  const rate = countText(recordsPerSecond).padStart(9);
  const late = lateRecordsCount > 0 ? `  ${countText(lateRecordsCount)} late` : "";
  const bad = malformedRecordsCount > 0 ? `  ${countText(malformedRecordsCount)} malformed` : "";
  return `  ${name}  ${count}  ${rate}  ${watermarkText(watermark)}${late}${bad}`;
}

function checkpointsText(figures: JobFigures): string {
  const { checkpointsCount, failedCheckpointsCount, restartsCount } = figures;
  const { lastCheckpointMs, lastCheckpointBytes } = figures;
  const last =
    lastCheckpointMs === undefined || lastCheckpointBytes === undefined
      ? ""
      : ` (last ${durationText(lastCheckpointMs)}, ${sizeText(lastCheckpointBytes)})`;
  const failed = failedCheckpointsCount === 0 ? "" : `, ${failedCheckpointsCount} failed`;
  const restarts = restartsCount === 0 ? "" : `   restarts ${restartsCount}`;
  return `checkpoints ${checkpointsCount}${failed}${last}${restarts}`;
}

/** The caller has decided about colors; Node's own look at stdout must not. */
const always = { validateStream: false } as const;
