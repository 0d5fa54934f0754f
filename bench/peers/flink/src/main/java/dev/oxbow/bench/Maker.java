package dev.oxbow.bench;

import java.io.Serializable;

/** Makes record n. What it returns may be the same object each time, with other contents. */
public interface Maker<T> {
  T make(long n);

  /** Makes one for each subtask of the source. */
  interface Factory<T> extends Serializable {
    Maker<T> create();
  }
}
