// Bundles src/ into a module and a style sheet for each widget: `node build.mjs OUTPUT_FOLDER`.
// anywidget loads a module from a Blob URL, where relative imports cannot resolve.
import { build } from "esbuild";

const outdir = process.argv[2];
if (!outdir) throw new Error("usage: node build.mjs OUTPUT_FOLDER");

await build({
  entryPoints: { timeline: "src/main.tsx", question: "src/inline.tsx" },
  outdir,
  bundle: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
});
