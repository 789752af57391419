// Builds the script, the style and the licences of everything in them into the folder `built`.
import { build } from "esbuild";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
process.chdir(here); // names in the output must not depend on where it is built

const result = await build({
  entryPoints: { replay: "source/main.js" },
  bundle: true,
  minify: true,
  charset: "ascii",
  format: "iife",
  target: "es2022",
  legalComments: "none", // they stand in LICENCES.txt
  outdir: "built",
  metafile: true,
});

const packages = new Set();
for (const file of Object.keys(result.metafile.inputs)) {
  const found = file.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/);
  if (found) packages.add(found[1]);
}
const texts = [...packages].sort().map((name) => {
  const folder = join("node_modules", name);
  const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const licence = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  if (!licence) throw new Error(`the package ${name} has no file with its licence, expected LICENSE in ${folder}`);
  return `${name} ${version}\n\n${readFileSync(join(folder, licence), "utf8").trim()}\n`;
});
const head = "The script of this page contains the following packages, each under its own licence.\n";
writeFileSync("built/LICENCES.txt", [head, ...texts].join(`\n${"-".repeat(80)}\n\n`).replaceAll("\r\n", "\n"));
