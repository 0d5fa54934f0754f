/** The `oxbow` command, and its parts for programs that run jobs attached themselves. */
export { main } from "./main.ts";
export { EXIT_CODES, exitCodeOf, exitCodeOfEnd } from "./exit-codes.ts";
export { errorText } from "./error-text.ts";
export { countText, durationText, sizeText, watermarkText } from "./figure-text.ts";
export { JobConsole } from "./job-console.ts";
export type { AttachedEnd, JobConsoleOptions } from "./job-console.ts";
export { JobSampler } from "./job-sampler.ts";
export type { JobFigures, OperatorFigures } from "./job-sampler.ts";
export { progressLine, progressLines } from "./progress.ts";
