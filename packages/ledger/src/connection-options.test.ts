import { describe, expect, it } from "vitest";
import { describeDatabase, parseDatabaseUrl, resolveOptions } from "./connection-options.ts";

describe("a database URL", () => {
  it("names server, user, password and database, percent-encoded where needed", () => {
    expect(parseDatabaseUrl("postgres://po%40ol:p%3Ass@db.example:6432/le%20dger?sslmode=require")).toEqual({
      host: "db.example",
      port: 6432,
      user: "po@ol",
      password: "p:ss",
      database: "le dger",
      sslmode: "require",
    });
  });

  it("may name the folder of a Unix socket, in the host's place or as a parameter", () => {
    expect(parseDatabaseUrl("postgresql://lode@%2Frun%2Fpostgresql/lode").host).toBe("/run/postgresql");
    expect(parseDatabaseUrl("postgresql://lode@/lode?host=/run/postgresql").host).toBe("/run/postgresql");
    expect(describeDatabase("postgresql://lode@/pool?host=/run/postgresql")).toBe(
      "lode@/run/postgresql/.s.PGSQL.5432/pool",
    );
  });

  it("may have an IPv6 address", () => {
    expect(parseDatabaseUrl("postgres://lode@[::1]:5433/lode").host).toBe("::1");
    expect(describeDatabase("postgres://lode@[::1]:5433/lode")).toBe("lode@[::1]:5433/lode");
  });

  it("is shown without its password", () => {
    expect(describeDatabase("postgres://lode:geheim@db/pool")).toBe("lode@db:5432/pool");
  });

  it("checks the server only with verify-full", () => {
    expect(resolveOptions("postgres://a@b/c").ssl).toBe(false);
    expect(resolveOptions("postgres://a@b/c?sslmode=require").ssl).toBe("require");
    expect(resolveOptions("postgres://a@b/c?sslmode=verify-full").ssl).toEqual({ rejectUnauthorized: true });
    expect(resolveOptions({ sslmode: "verify-full", sslRootCertificate: "PEM" }).ssl).toEqual({
      rejectUnauthorized: true,
      ca: "PEM",
    });
  });

  it.each([
    ["url", "not a url geheim"],
    ["url", "mysql://a:geheim@b/c"],
    ["host", "postgres://a:geheim@%E0%A4%A/c"],
    ["password", "postgres://a:geheim%zz@b/c"],
    ["host", "postgres://a:geheim@b/c?host=one,two"],
    ["sslmode", "postgres://a:geheim@b/c?sslmode=verify-ca"],
    ["sslrootcert", "postgres://a:geheim@b/c?sslrootcert=/does/not/exist"],
    ["ssl_mode", "postgres://a:geheim@b/c?ssl_mode=require"],
  ])("that is wrong in its %s is refused without being repeated", (field, url) => {
    let failure: unknown;
    try {
      parseDatabaseUrl(url);
    } catch (error) {
      failure = error;
    }
    expect(failure).toMatchObject({ type: { code: "invalid-connection", field } });
    expect(`${failure} ${JSON.stringify(failure)}`).not.toContain("geheim");
  });

  it.each([
    "postgres://a:12#geheim@b/c",
    "postgres://a:12?geheim@b/c",
    "postgres://a:12?x=geheim@b/c",
    "postgres://a:x/geheim@b/c",
    "postgres://a:12/geheim@b/c",
    "postgres://a:geheim%zz@b/c",
  ])("whose password is not percent-encoded says so: %s", (url) => {
    expect(() => parseDatabaseUrl(url)).toThrow("percent-encode");
    expect(() => parseDatabaseUrl(url)).not.toThrow("geheim");
  });
});
