/* Reads an argument of QEMU's -object: libvirt writes JSON, and wrote QEMU's own notation before QEMU 6.0. */
#include "qemu_object.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* One member of an object: what is not a string has no value here. */
struct member {
    char key[64];
    char value[PATH_MAX + 1];
};

/* Appends one byte; what does not fit is dropped, and then no path that QEMU can open is that long. */
static void put(char *out, size_t size, size_t *length, int byte)
{
    if (*length + 1 < size)
        out[(*length)++] = (char)byte;
    out[*length] = '\0';
}

static void put_utf8(char *out, size_t size, size_t *length, unsigned code)
{
    if (code < 0x80) {
        put(out, size, length, (int)code);
    } else if (code < 0x800) {
        put(out, size, length, (int)(0xc0 | code >> 6));
        put(out, size, length, (int)(0x80 | (code & 0x3f)));
    } else if (code < 0x10000) {
        put(out, size, length, (int)(0xe0 | code >> 12));
        put(out, size, length, (int)(0x80 | (code >> 6 & 0x3f)));
        put(out, size, length, (int)(0x80 | (code & 0x3f)));
    } else {
        put(out, size, length, (int)(0xf0 | code >> 18));
        put(out, size, length, (int)(0x80 | (code >> 12 & 0x3f)));
        put(out, size, length, (int)(0x80 | (code >> 6 & 0x3f)));
        put(out, size, length, (int)(0x80 | (code & 0x3f)));
    }
}

/* Four hexadecimal digits at *p, which moves behind them. Returns -1 if they are none. */
static int hex4(const char **p)
{
    int code = 0;

    for (int i = 0; i < 4; i++, (*p)++) {
        if (!isxdigit((unsigned char)**p))
            return -1;
        code = code * 16 + (isdigit((unsigned char)**p) ? **p - '0' : tolower((unsigned char)**p) - 'a' + 10);
    }
    return code;
}

/* What follows "\u" at *p, both halves of a pair of surrogates. Returns -1 if it is nothing of the kind. */
static int unicode(const char **p)
{
    int high = hex4(p), low;

    if (high < 0xd800 || high > 0xdbff)
        return high;
    if ((*p)[0] != '\\' || (*p)[1] != 'u')
        return -1;
    *p += 2;
    low = hex4(p);
    return low < 0xdc00 || low > 0xdfff ? -1 : 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/* Takes what stands after a backslash. Returns false if JSON knows no such escape. */
static bool take_escape(const char **p, char *out, size_t size, size_t *length)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char *name;
    int code;

    if (**p == 'u') {
        ++*p;
        code = unicode(p);
        if (code < 0)
            return false;
        put_utf8(out, size, length, (unsigned)code);
        return true;
    }
    name = **p == '\0' ? NULL : strchr(names, **p);
    if (name == NULL)
        return false;
    put(out, size, length, bytes[name - names]);
    ++*p;
    return true;
}

/* Takes a string whose opening quote is at p. Returns what follows it, or NULL. */
static const char *take_string(const char *p, char *out, size_t size)
{
    size_t length = 0;

    *out = '\0';
    for (p++; *p != '"';) {
        if (*p == '\0')
            return NULL;
        if (*p != '\\') {
            put(out, size, &length, *p++);
            continue;
        }
        p++;
        if (!take_escape(&p, out, size, &length))
            return NULL;
    }
    return p + 1;
}

/* Behind a value that is no string: a number, a word, a list or an object. NULL if it has no end. */
static const char *skip_value(const char *p)
{
    char ignored[2];
    int depth = 0;

    for (; *p != '\0'; p++) {
        if (depth == 0 && (*p == ',' || *p == '}'))
            return p;
        if (*p == '{' || *p == '[')
            depth++;
        if (*p == '}' || *p == ']')
            depth--;
        if (*p == '"') {
            p = take_string(p, ignored, sizeof ignored);
            if (p == NULL)
                return NULL;
            p--;
        }
    }
    return NULL;
}

static const char *skip_space(const char *p)
{
    return p + strspn(p, " \t\r\n");
}

/* Takes a member of a JSON object. Returns what follows it, or NULL. */
static const char *take_json_member(const char *p, struct member *m)
{
    p = skip_space(p);
    if (*p != '"')
        return NULL;
    p = take_string(p, m->key, sizeof m->key);
    if (p == NULL)
        return NULL;
    p = skip_space(p);
    if (*p != ':')
        return NULL;
    p = skip_space(p + 1);
    m->value[0] = '\0';
    p = *p == '"' ? take_string(p, m->value, sizeof m->value) : skip_value(p);
    return p == NULL ? NULL : skip_space(p);
}

/* Takes "key=value" or a first word, which is the type; two commas are one of the text. Returns what follows it. */
static const char *take_option(const char *p, struct member *m)
{
    const char *equals = p + strcspn(p, "=,");
    size_t length = 0;

    m->key[0] = m->value[0] = '\0';
    if (*equals == '=') {
        for (; p < equals; p++)
            put(m->key, sizeof m->key, &length, *p);
        p++;
    } else {
        strcpy(m->key, "qom-type");
    }
    for (length = 0; *p != '\0' && (*p != ',' || *++p == ','); p++)
        put(m->value, sizeof m->value, &length, *p);
    return p;
}

static void note(struct qemu_object *o, const struct member *m)
{
    if (strcmp(m->key, "qom-type") == 0 && strlen(m->value) < sizeof o->type)
        strcpy(o->type, m->value);
    if (strcmp(m->key, "mem-path") == 0)
        strcpy(o->path, m->value);
}

void qemu_object_read(const char *text, struct qemu_object *o)
{
    struct member m;

    *o = (struct qemu_object){0};
    if (*text != '{') {
        while (*text != '\0') {
            text = take_option(text, &m);
            note(o, &m);
        }
        return;
    }
    do {
        text = take_json_member(text + 1, &m);
        if (text != NULL)
            note(o, &m);
    } while (text != NULL && *text == ',');
}
