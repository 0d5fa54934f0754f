package dev.oxbow.bench;

import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;
import org.apache.flink.api.java.tuple.Tuple;

/**
 * Counts rows. On request writes them too, one per line, fields joined by ",": each subtask into a
 * file of its own, named `<file>.<subtask>`.
 *
 * <p>The count is of this process: Flink's tasks run in it.
 */
final class CountingSink<T extends Tuple> implements Sink<T> {
  static final LongAdder ROWS = new LongAdder();

  /** Null: rows are not written. */
  private final String file;

  CountingSink(String file) {
    this.file = file;
  }

  @Override
  public SinkWriter<T> createWriter(WriterInitContext context) throws IOException {
    if (file == null) return new Counter<>();
    return new RowWriter<>(Path.of(file + "." + context.getTaskInfo().getIndexOfThisSubtask()));
  }

  private static class Counter<T extends Tuple> implements SinkWriter<T> {
    private long rows;

    @Override
    public void write(T row, Context context) throws IOException {
      rows++;
    }

    @Override
    public void flush(boolean isEndOfInput) throws IOException {}

    @Override
    public void close() throws Exception {
      ROWS.add(rows);
    }
  }

  private static final class RowWriter<T extends Tuple> extends Counter<T> {
    private final BufferedWriter out;

    RowWriter(Path file) throws IOException {
      out = Files.newBufferedWriter(file);
    }

    @Override
    public void write(T row, Context context) throws IOException {
      super.write(row, context);
      for (int index = 0; index < row.getArity(); index++) {
        if (index > 0) out.write(',');
        out.write(row.getField(index).toString());
      }
      out.write('\n');
    }

    @Override
    public void close() throws Exception {
      super.close();
      out.close();
    }
  }
}
