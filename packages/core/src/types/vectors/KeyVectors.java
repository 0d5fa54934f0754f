/*
 * Prints key-vectors.json: Java's hash codes, Flink's key groups and operator ids, made by the real
 * classes. Run it with flink-runtime, flink-core, flink-core-api, flink-annotations, flink-shaded-guava and
 * slf4j-api on the class path:
 *
 *   java -cp 'lib/*' KeyVectors.java > key-vectors.json
 */
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.streaming.api.graph.StreamGraphHasherV2;
import org.apache.flink.util.MathUtils;

public class KeyVectors {
    static final StringBuilder OUT = new StringBuilder();

    public static void main(String[] args) {
        Random random = new Random(42);
        List<String> hashes = new ArrayList<>();
        for (boolean b : new boolean[] {true, false}) hashes.add(hash("bool", "" + b, Boolean.hashCode(b)));
        List<Integer> ints = new ArrayList<>(List.of(0, 1, -1, 42, Integer.MAX_VALUE, Integer.MIN_VALUE));
        for (int i = 0; i < 20; i++) ints.add(random.nextInt());
        for (int i : ints) hashes.add(hash("int32", "" + i, Integer.valueOf(i).hashCode()));
        List<Long> longs = new ArrayList<>(List.of(0L, 1L, -1L, 1L << 32, -(1L << 32), (1L << 53) - 1,
                -((1L << 53) - 1), 1763689635123L, -4294967297L));
        for (int i = 0; i < 20; i++) longs.add(random.nextLong() >> 11);
        for (long l : longs) hashes.add(hash("int64", "" + l, Long.valueOf(l).hashCode()));
        List<Long> big = new ArrayList<>(List.of(Long.MAX_VALUE, Long.MIN_VALUE, 0L, -1L));
        for (int i = 0; i < 20; i++) big.add(random.nextLong());
        for (long l : big) hashes.add(hash("bigint64", "" + l, Long.valueOf(l).hashCode()));
        List<Double> doubles = new ArrayList<>(List.of(0.0, -0.0, 1.0, -1.0, 0.1, 1e300, -1e-300, Double.NaN,
                Double.longBitsToDouble(0xfff8000000000001L), Double.POSITIVE_INFINITY,
                Double.NEGATIVE_INFINITY, Double.MIN_VALUE, Double.MAX_VALUE, 42.0));
        for (int i = 0; i < 20; i++) doubles.add(random.nextGaussian() * 1e6);
        for (double d : doubles) hashes.add(hash("float64", "" + d, Double.valueOf(d).hashCode()));
        List<String> strings = new ArrayList<>(List.of("", "a", "abc", "JFK", "hello world", "\u00e4\u00f6\u00fc",
                "\u4f60\u597d", "\ud83d\ude00", "\ud800", "\udc00\ud800", "Aa", "BB", "\u0000"));
        for (int i = 0; i < 20; i++) {
            StringBuilder s = new StringBuilder();
            int length = random.nextInt(40);
            for (int j = 0; j < length; j++) s.append((char) random.nextInt(i < 10 ? 128 : 65536));
            strings.add(s.toString());
        }
        for (String s : strings) hashes.add(hash("string", s, s.hashCode()));
        List<String> composites = new ArrayList<>();
        composites.add(composite("[\"JFK\", 7]", Arrays.asList("JFK", 7).hashCode()));
        composites.add(composite("[\"\", -1]", Arrays.asList("", -1).hashCode()));
        composites.add(composite("[\"x\", null]", Arrays.asList("x", null).hashCode()));
        composites.add(composite("[]", Arrays.asList().hashCode()));
        List<String> bytes = new ArrayList<>();
        for (byte[] b : new byte[][] {{}, {0}, {-1, 1, 127, -128}}) {
            bytes.add("{\"bytes\": " + Arrays.toString(b) + ", \"hash\": " + Arrays.hashCode(b) + "}");
        }
        List<String> murmur = new ArrayList<>();
        List<Integer> codes = new ArrayList<>(List.of(0, 1, -1, 1231, Integer.MAX_VALUE, Integer.MIN_VALUE, 105405));
        for (int i = 0; i < 30; i++) codes.add(random.nextInt());
        for (int code : codes) {
            List<Integer> groups = new ArrayList<>();
            for (int max : new int[] {1, 7, 128, 4096, 32768}) {
                groups.add(KeyGroupRangeAssignment.computeKeyGroupForKeyHash(code, max));
            }
            murmur.add("{\"hash\": " + code + ", \"murmur\": " + MathUtils.murmurHash(code)
                    + ", \"groupsOf1_7_128_4096_32768\": " + groups + "}");
        }
        List<String> ranges = new ArrayList<>();
        for (int[] pm : new int[][] {{1, 1}, {1, 128}, {2, 128}, {3, 128}, {7, 128}, {128, 128}, {5, 7}, {100, 32768}}) {
            List<String> of = new ArrayList<>();
            for (int i = 0; i < pm[0]; i++) {
                KeyGroupRange range = KeyGroupRangeAssignment.computeKeyGroupRangeForOperatorIndex(pm[1], pm[0], i);
                of.add("[" + range.getStartKeyGroup() + ", " + (range.getEndKeyGroup() + 1) + "]");
            }
            List<Integer> owners = new ArrayList<>();
            for (int group = 0; group < Math.min(pm[1], 256); group++) {
                owners.add(KeyGroupRangeAssignment.computeOperatorIndexForKeyGroup(pm[1], pm[0], group));
            }
            ranges.add("{\"parallelism\": " + pm[0] + ", \"maxParallelism\": " + pm[1] + ", \"ranges\": " + of
                    + ", \"ownersOfFirstGroups\": " + owners + "}");
        }
        List<String> defaults = new ArrayList<>();
        for (int p : new int[] {1, 2, 85, 86, 87, 100, 128, 170, 171, 1000, 21845, 21846, 32768}) {
            defaults.add("{\"parallelism\": " + p + ", \"maxParallelism\": "
                    + KeyGroupRangeAssignment.computeDefaultMaxParallelism(p) + "}");
        }
        List<String> ids = new ArrayList<>();
        for (String uid : new String[] {"a", "source", "delays-per-hour", "flights/map.0", "0123456789abcdef",
                "0123456789abcdefg", "\u00fcber", "\u4f60\u597d\ud83d\ude00", "x".repeat(100)}) {
            ids.add("{\"uid\": " + quote(uid) + ", \"operatorId\": \"" + operatorId(uid) + "\"}");
        }
        System.out.println("{\"madeWith\": " + quote("Flink 2.1.0, Java " + System.getProperty("java.version"))
                + ",\n\"hashes\": [\n" + String.join(",\n", hashes) + "],\n\"composites\": [\n"
                + String.join(",\n", composites) + "],\n\"byteArrays\": [\n" + String.join(",\n", bytes)
                + "],\n\"keyGroups\": [\n" + String.join(",\n", murmur) + "],\n\"ranges\": [\n"
                + String.join(",\n", ranges) + "],\n\"defaultMaxParallelism\": [\n"
                + String.join(",\n", defaults) + "],\n\"operatorIds\": [\n" + String.join(",\n", ids) + "]}");
    }

    static String hash(String type, String value, int hash) {
        return "{\"type\": \"" + type + "\", \"value\": " + quote(value) + ", \"hash\": " + hash + "}";
    }

    static String composite(String value, int hash) {
        return "{\"value\": " + value + ", \"hash\": " + hash + "}";
    }

    static String operatorId(String uid) {
        StringBuilder hex = new StringBuilder();
        for (byte b : StreamGraphHasherV2.generateUserSpecifiedHash(uid)) {
            hex.append(String.format(Locale.ROOT, "%02x", b));
        }
        return hex.toString();
    }

    static String quote(String s) {
        StringBuilder out = new StringBuilder("\"");
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if (c < 32 || c == '"' || c == '\\' || c > 126) out.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
            else out.append(c);
        }
        return out.append('"').toString();
    }
}
