package org.splitmem.model;

/** The body of every answer that is not a success: {@code {"error":{"code":"vm-not-found","message":"..."}}}. */
public record ErrorBody(Detail error) {
    public ErrorBody {
        Require.present("error", error);
    }

    /**
     * What went wrong.
     *
     * @param code for programs; fixed for ever
     * @param message for people: one sentence that ends with the remedy
     */
    public record Detail(String code, String message) {
        public Detail {
            Require.text("code", code);
            Require.text("message", message);
        }
    }

    public static ErrorBody of(String code, String message) {
        return new ErrorBody(new Detail(code, message));
    }
}
