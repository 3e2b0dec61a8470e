package org.splitmem.model.config;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.splitmem.model.DataSize;
import org.splitmem.model.Rate;

/** The lines of a "key = value" file, taken one by one with default and range; what nobody took is an error. */
public final class Settings {
    private final String file;
    private final Map<String, String> values;
    private final Set<String> taken = new HashSet<>();
    private final Map<String, String> effective = new TreeMap<>();

    private Settings(String file, Map<String, String> values) {
        this.file = file;
        this.values = values;
    }

    public static Settings load(Path path) throws ConfigException {
        try {
            return parse(path.toString(), Files.readAllLines(path));
        } catch (IOException e) {
            throw new ConfigException("cannot read the configuration " + path + ": " + e);
        }
    }

    public static Settings parse(String file, List<String> lines) throws ConfigException {
        Map<String, String> values = new LinkedHashMap<>();
        for (int i = 0; i < lines.size(); i++) {
            String line = lines.get(i).strip();
            if (line.isEmpty() || line.startsWith("#")) {
                continue;
            }
            int equals = line.indexOf('=');
            if (equals < 1) {
                throw new ConfigException(file + " line " + (i + 1) + ": not \"key = value\": " + line);
            }
            String key = line.substring(0, equals).strip();
            if (values.put(key, line.substring(equals + 1).strip()) != null) {
                throw new ConfigException(file + " line " + (i + 1) + ": " + key + " is set twice");
            }
        }
        return new Settings(file, values);
    }

    public String text(String key, String otherwise) {
        taken.add(key);
        String value = values.getOrDefault(key, otherwise);
        effective.put(key, value);
        return value;
    }

    public List<String> list(String key, String otherwise) {
        return Arrays.stream(text(key, otherwise).split(",", -1))
                .map(String::strip)
                .filter(item -> !item.isEmpty())
                .toList();
    }

    public Path path(String key, String otherwise) throws ConfigException {
        Path path = Path.of(text(key, otherwise));
        if (!path.isAbsolute()) {
            throw wrong(key, path.toString(), "an absolute path");
        }
        return path;
    }

    public int integer(String key, int otherwise, int least, int most) throws ConfigException {
        String value = text(key, Integer.toString(otherwise));
        try {
            int number = Integer.parseInt(value);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            throw wrong(key, value, "a whole number from " + least + " to " + most);
        }
        throw wrong(key, value, "a whole number from " + least + " to " + most);
    }

    public long bytes(String key, String otherwise) throws ConfigException {
        String value = text(key, otherwise);
        try {
            return DataSize.parse(value).bytes();
        } catch (IllegalArgumentException e) {
            throw wrong(key, value, "a size such as 512MiB (" + e.getMessage() + ")");
        }
    }

    /** Bytes per second; "off" is 0. */
    public long rate(String key, String otherwise) throws ConfigException {
        String value = text(key, otherwise);
        if (value.equals("off")) {
            return 0;
        }
        try {
            return Rate.parse(value).bytesPerSecond();
        } catch (IllegalArgumentException e) {
            throw wrong(key, value, "off, or a rate such as 1Gbit (" + e.getMessage() + ")");
        }
    }

    /** @throws ConfigException if a key is set that once was one, saying what is to be done instead */
    public void retired(String key, String instead) throws ConfigException {
        if (values.containsKey(key)) {
            throw new ConfigException(file + ": " + key + " is no longer a setting: " + instead);
        }
    }

    public ConfigException wrong(String key, String value, String allowed) {
        return new ConfigException(file + ": " + key + " = " + value + ": must be " + allowed);
    }

    /** @throws ConfigException naming a key that nobody asked for */
    public void checkAllTaken() throws ConfigException {
        for (String key : values.keySet()) {
            if (!taken.contains(key)) {
                throw new ConfigException(
                        file + ": unknown key " + key + "; known are " + String.join(", ", effective.keySet()));
            }
        }
    }

    /** Every key with the value in force, for the log. No value is a secret: those are in files of their own. */
    public Map<String, String> effective() {
        return Map.copyOf(effective);
    }
}
