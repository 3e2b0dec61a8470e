package org.splitmem.cli;

/** The program {@code splitmem}. Exit status: 0 done, 1 refused or failed, 2 the command line is wrong. */
public final class Main {
    private Main() {}

    public static void main(String[] args) {
        System.exit(new Splitmem(Surroundings.ofProcess()).execute(args));
    }
}
