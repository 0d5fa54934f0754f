/** The command line names something that is not there, or that cannot be. Ends with 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
