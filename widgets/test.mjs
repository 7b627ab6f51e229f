// Runs tests/*.test.ts: esbuild bundles each into one module, Node's own test runner runs them.
// Further arguments are for `node --test`, for example: node test.mjs --test-name-pattern=fold
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const tests = readdirSync(join(here, "tests")).filter((name) => name.endsWith(".test.ts"));
const outdir = mkdtempSync(join(here, "node_modules", ".tests-"));
try {
  await build({
    entryPoints: tests.map((name) => join(here, "tests", name)),
    outdir,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    sourcemap: "inline",
    logLevel: "warning",
  });
  const built = readdirSync(outdir).filter((name) => name.endsWith(".mjs")).map((name) => join(outdir, name));
  const run = ["--enable-source-maps", "--test", "--test-reporter=spec", ...process.argv.slice(2), ...built];
  // Midnight and half past the hour look the same everywhere: times are formatted as local ones.
  const ran = spawnSync(process.execPath, run, { stdio: "inherit", env: { ...process.env, TZ: "UTC" } });
  process.exitCode = ran.status ?? 1;
} finally {
  rmSync(outdir, { recursive: true });
}
