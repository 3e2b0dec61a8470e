package org.splitmem.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.splitmem.model.PlainText;

/** Columns of text under a heading, as wide as needed. A heading that starts with '>' aligns its column to the right. */
final class Table {
    private final boolean[] right;
    private final List<String[]> rows = new ArrayList<>();
    private final String whenEmpty;

    /** @param whenEmpty the line that is printed instead if there is no row */
    Table(String whenEmpty, String... headings) {
        this.whenEmpty = whenEmpty;
        right = new boolean[headings.length];
        String[] names = new String[headings.length];
        for (int i = 0; i < headings.length; i++) {
            right[i] = headings[i].startsWith(">");
            names[i] = right[i] ? headings[i].substring(1) : headings[i];
        }
        rows.add(names);
    }

    void row(String... cells) {
        if (cells.length != right.length) {
            throw new IllegalArgumentException(cells.length + " cells for " + right.length + " columns");
        }
        rows.add(Arrays.stream(cells).map(PlainText::line).toArray(String[]::new));
    }

    void print(PrintWriter out) {
        if (rows.size() == 1) {
            out.println(whenEmpty);
            return;
        }
        int[] widths = new int[right.length];
        for (String[] row : rows) {
            Arrays.setAll(widths, i -> Math.max(widths[i], Text.columns(row[i])));
        }
        for (String[] row : rows) {
            var line = new StringBuilder();
            for (int i = 0; i < row.length; i++) {
                String padding = " ".repeat(widths[i] - Text.columns(row[i]));
                line.append(right[i] ? padding + row[i] : row[i] + padding).append("  ");
            }
            out.println(line.toString().stripTrailing());
        }
    }
}
