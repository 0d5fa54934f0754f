/** Defaults of a job that is started with a place for its checkpoints and says nothing more. */

/** A run that is kept takes a checkpoint so often. */
export const defaultCheckpointInterval = "10s";
