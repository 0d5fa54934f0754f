/**
 * FailedRecord: what was thrown over one record of a batch, on its way from a generated loop to the
 * operator, which knows its own name and how many records came before. It never leaves the
 * operator.
 */
export class FailedRecord extends Error {
  /** Of the record in its batch. */
  readonly index: number;

  constructor(index: number, cause: unknown) {
    super(`Record ${index} of a batch failed.`, { cause });
    this.index = index;
  }
}
