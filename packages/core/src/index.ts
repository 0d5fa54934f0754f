/** The public door of Oxbow: the API of a job. */
export { OxbowError, errorCode } from "./errors.ts";
export type { ErrorCode, ErrorDetails, ErrorKind } from "./errors.ts";
