package org.splitmem.bridge.store;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import com.zaxxer.hikari.pool.HikariPool.PoolInitializationException;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLIntegrityConstraintViolationException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.flywaydb.core.Flyway;
import org.flywaydb.core.api.FlywayException;
import org.jspecify.annotations.Nullable;

/** The connections to the database; brings its tables to this version first. Any thread. */
public final class Database implements AutoCloseable {
    private static final long CONNECT_MS = 5_000;
    /** Far more than any statement of ours takes. */
    private static final int STATEMENT_S = 10;

    private final HikariDataSource pool;
    private final int statementS;
    /** That of the transaction which the thread is in. */
    @SuppressWarnings("ThreadLocalUsage") // a transaction of another database is another
    private final ThreadLocal<@Nullable Connection> current = new ThreadLocal<>();

    /**
     * Connects.
     *
     * @param url of JDBC: jdbc:h2:... or jdbc:mariadb://...
     * @param connections at most so many at once, besides those that bring the tables up to date
     * @throws StoreException if it cannot be reached, or its tables are of a newer version
     */
    public Database(String url, String user, String password, int connections) {
        this(url, user, password, connections, STATEMENT_S);
    }

    /** @param statementS how long a statement may take: the rounds of a bridge must not wait for ever for a server that hangs */
    Database(String url, String user, String password, int connections, int statementS) {
        this.statementS = statementS;
        try {
            pool = new HikariDataSource(config(url, user, password, connections, statementS));
            // Not from the pool: to alter a large table may take as long as it likes.
            Flyway.configure().dataSource(url, user, password).load().migrate();
        } catch (FlywayException | PoolInitializationException e) {
            throw new StoreException("the database " + url + " cannot be used: " + e.getMessage(), e);
        }
    }

    static HikariConfig config(String url, String user, String password, int connections, int statementS) {
        HikariConfig config = new HikariConfig();
        config.setJdbcUrl(url);
        config.setUsername(user);
        config.setPassword(password);
        config.setMaximumPoolSize(connections);
        config.setConnectionTimeout(CONNECT_MS);
        config.setPoolName("database");
        if (url.startsWith("jdbc:mariadb:")) {
            // The server itself ends a statement that takes too long; this is for one that says nothing any more.
            config.addDataSourceProperty("socketTimeout", Long.toString(statementS * 1000L + CONNECT_MS));
        }
        return config;
    }

    /** Reads one row. */
    interface RowReader<T> {
        T read(ResultSet row) throws SQLException;
    }

    /**
     * Runs what changes several rows that belong together: all of it is there when this returns, or nothing if this throws. On this thread
     * only; what is run waits for no other service, as it holds locks in the database. Within another transaction it is a part of that.
     *
     * @return what {@code work} returns; false undoes nothing
     */
    public boolean transaction(BooleanSupplier work) {
        if (isInTransaction()) {
            return work.getAsBoolean();
        }
        try (Connection connection = pool.getConnection()) {
            connection.setAutoCommit(false);
            current.set(connection);
            boolean done = false;
            try {
                boolean result = work.getAsBoolean();
                connection.commit();
                done = true;
                return result;
            } finally {
                current.remove();
                if (!done) {
                    connection.rollback();
                }
            }
        } catch (SQLException e) {
            throw failed(e);
        }
    }

    /** Whether the thread is in {@link #transaction}. */
    public boolean isInTransaction() {
        return current.get() != null;
    }

    private interface Use<T> {
        T on(Connection connection) throws SQLException;
    }

    private <T> T use(Use<T> use) throws SQLException {
        Connection ofTransaction = current.get();
        if (ofTransaction != null) {
            return use.on(ofTransaction);
        }
        try (Connection connection = pool.getConnection()) {
            return use.on(connection);
        }
    }

    private static StoreException failed(SQLException e) {
        return new StoreException("the database failed: " + e.getMessage(), e);
    }

    <T> List<T> query(String sql, RowReader<T> reader, @Nullable Object... parameters) {
        try {
            return use(connection -> {
                try (PreparedStatement statement = prepare(connection, sql, parameters);
                        ResultSet rows = statement.executeQuery()) {
                    List<T> all = new ArrayList<>();
                    while (rows.next()) {
                        all.add(reader.read(rows));
                    }
                    return all;
                }
            });
        } catch (SQLException e) {
            throw failed(e);
        }
    }

    private int execute(String sql, @Nullable Object... parameters) throws SQLException {
        return use(connection -> {
            try (PreparedStatement statement = prepare(connection, sql, parameters)) {
                return statement.executeUpdate();
            }
        });
    }

    /** @return how many rows were changed */
    int update(String sql, @Nullable Object... parameters) {
        try {
            return execute(sql, parameters);
        } catch (SQLException e) {
            throw failed(e);
        }
    }

    /** @return false if a row with one of its unique values is there already */
    boolean insert(String sql, @Nullable Object... parameters) {
        try {
            execute(sql, parameters);
            return true;
        } catch (SQLIntegrityConstraintViolationException e) {
            return false; // of a transaction this undoes the statement alone
        } catch (SQLException e) {
            throw failed(e);
        }
    }

    private PreparedStatement prepare(Connection connection, String sql, @Nullable Object... parameters)
            throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        statement.setQueryTimeout(statementS);
        for (int i = 0; i < parameters.length; i++) {
            statement.setObject(i + 1, parameters[i]);
        }
        return statement;
    }

    /** @throws StoreException unless it answers */
    public void check() {
        query("SELECT 1", row -> row.getInt(1));
    }

    @Override
    public void close() {
        pool.close();
    }
}
