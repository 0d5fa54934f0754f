package dev.oxbow.bench;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import org.apache.flink.api.connector.source.Boundedness;
import org.apache.flink.api.connector.source.ReaderOutput;
import org.apache.flink.api.connector.source.Source;
import org.apache.flink.api.connector.source.SourceReader;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.connector.source.SourceSplit;
import org.apache.flink.api.connector.source.SplitEnumerator;
import org.apache.flink.api.connector.source.SplitEnumeratorContext;
import org.apache.flink.core.io.InputStatus;
import org.apache.flink.core.io.SimpleVersionedSerializer;

/**
 * Records 0 to count - 1 out of a {@link Maker}. They are cut into blocks of 1,024; of P subtasks,
 * subtask s has the blocks s, s + P, s + 2P, and so on. So subtasks that run at the same speed are
 * at about the same record, which keeps event times together.
 *
 * <p>A poll emits a block, not a record: it makes q0 a quarter faster, and a barrier waits for at
 * most a block.
 */
final class GeneratorSource<T>
    implements Source<T, GeneratorSource.Split, Collection<GeneratorSource.Split>> {
  private static final int BLOCK_COUNT = 1024;

  private final long count;
  private final Maker.Factory<T> factory;

  GeneratorSource(long count, Maker.Factory<T> factory) {
    this.count = count;
    this.factory = factory;
  }

  @Override
  public Boundedness getBoundedness() {
    // Streaming, as an endless source is run: the end is only what makes it measurable.
    return Boundedness.BOUNDED;
  }

  @Override
  public SplitEnumerator<Split, Collection<Split>> createEnumerator(
      SplitEnumeratorContext<Split> context) {
    int parallelism = context.currentParallelism();
    List<Split> splits = new ArrayList<>();
    for (int index = 0; index < parallelism; index++) {
      splits.add(new Split(index, parallelism, (long) index * BLOCK_COUNT));
    }
    return new Enumerator(context, splits);
  }

  @Override
  public SplitEnumerator<Split, Collection<Split>> restoreEnumerator(
      SplitEnumeratorContext<Split> context, Collection<Split> splits) {
    return new Enumerator(context, splits);
  }

  @Override
  public SourceReader<T, Split> createReader(SourceReaderContext context) {
    return new Reader<>(count, factory.create());
  }

  @Override
  public SimpleVersionedSerializer<Split> getSplitSerializer() {
    return new SplitSerializer();
  }

  @Override
  public SimpleVersionedSerializer<Collection<Split>> getEnumeratorCheckpointSerializer() {
    return new SplitsSerializer();
  }

  /** Part {@code index} of {@code splitsCount}; {@code position} is the next record to make. */
  record Split(int index, int splitsCount, long position) implements SourceSplit {
    @Override
    public String splitId() {
      return Integer.toString(index);
    }

    void write(DataOutputStream out) throws IOException {
      out.writeInt(index);
      out.writeInt(splitsCount);
      out.writeLong(position);
    }

    static Split read(DataInputStream in) throws IOException {
      return new Split(in.readInt(), in.readInt(), in.readLong());
    }
  }

  private static final class Enumerator implements SplitEnumerator<Split, Collection<Split>> {
    private final SplitEnumeratorContext<Split> context;
    private final List<Split> splits;

    Enumerator(SplitEnumeratorContext<Split> context, Collection<Split> splits) {
      this.context = context;
      this.splits = new ArrayList<>(splits);
    }

    @Override
    public void start() {}

    @Override
    public void addReader(int subtask) {
      int parallelism = context.currentParallelism();
      for (Split split : List.copyOf(splits)) {
        if (split.index % parallelism != subtask) continue;
        context.assignSplit(split, subtask);
        splits.remove(split);
      }
      context.signalNoMoreSplits(subtask);
    }

    @Override
    public void addSplitsBack(List<Split> back, int subtask) {
      splits.addAll(back);
    }

    @Override
    public void handleSplitRequest(int subtask, String host) {}

    @Override
    public Collection<Split> snapshotState(long checkpointId) {
      return List.copyOf(splits);
    }

    @Override
    public void close() {}
  }

  private static final class Reader<T> implements SourceReader<T, Split> {
    private final long count;
    private final Maker<T> maker;
    private final Queue<Split> waiting = new ArrayDeque<>();
    private final CompletableFuture<Void> available = new CompletableFuture<>();
    private Split split;
    private long position;
    private boolean isLast;

    Reader(long count, Maker<T> maker) {
      this.count = count;
      this.maker = maker;
    }

    @Override
    public InputStatus pollNext(ReaderOutput<T> output) {
      if (split == null && !takeSplit()) {
        return isLast ? InputStatus.END_OF_INPUT : InputStatus.NOTHING_AVAILABLE;
      }
      long end = Math.min(position + BLOCK_COUNT, count);
      for (long n = position; n < end; n++) output.collect(maker.make(n));
      position = end + (split.splitsCount - 1L) * BLOCK_COUNT;
      if (position >= count) split = null;
      return InputStatus.MORE_AVAILABLE;
    }

    private boolean takeSplit() {
      while (split == null && !waiting.isEmpty()) {
        split = waiting.remove();
        position = split.position;
        if (position >= count) split = null;
      }
      return split != null;
    }

    @Override
    public void start() {}

    @Override
    public List<Split> snapshotState(long checkpointId) {
      List<Split> splits = new ArrayList<>(waiting);
      if (split != null) splits.add(new Split(split.index, split.splitsCount, position));
      return splits;
    }

    @Override
    public CompletableFuture<Void> isAvailable() {
      return available;
    }

    @Override
    public void addSplits(List<Split> splits) {
      waiting.addAll(splits);
    }

    @Override
    public void notifyNoMoreSplits() {
      isLast = true;
      available.complete(null);
    }

    @Override
    public void close() {}
  }

  private static final class SplitSerializer implements SimpleVersionedSerializer<Split> {
    @Override
    public int getVersion() {
      return 1;
    }

    @Override
    public byte[] serialize(Split split) throws IOException {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      split.write(new DataOutputStream(bytes));
      return bytes.toByteArray();
    }

    @Override
    public Split deserialize(int version, byte[] bytes) throws IOException {
      return Split.read(new DataInputStream(new ByteArrayInputStream(bytes)));
    }
  }

  private static final class SplitsSerializer
      implements SimpleVersionedSerializer<Collection<Split>> {
    @Override
    public int getVersion() {
      return 1;
    }

    @Override
    public byte[] serialize(Collection<Split> splits) throws IOException {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      DataOutputStream out = new DataOutputStream(bytes);
      out.writeInt(splits.size());
      for (Split split : splits) split.write(out);
      return bytes.toByteArray();
    }

    @Override
    public Collection<Split> deserialize(int version, byte[] bytes) throws IOException {
      DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes));
      int count = in.readInt();
      List<Split> splits = new ArrayList<>(count);
      for (int index = 0; index < count; index++) splits.add(Split.read(in));
      return splits;
    }
  }
}
