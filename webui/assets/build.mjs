// Builds webui/static/dist: every src/*.js and css/*.scss is an entry, its name gets a hash of its content,
// manifest.json tells the server the hashed names. Icons: those that templates and code name are taken from
// Tabler's set into one sprite, icons.svg; a name that does not exist stops the build.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import * as sass from "sass";

const here = dirname(fileURLToPath(import.meta.url));
const webui = dirname(here);
const dist = join(webui, "static", "dist");
const fresh = `${dist}.new`; // built beside, then swapped in: a running server never sees half of it

const scss = {
  name: "scss",
  setup(build) {
    build.onLoad({ filter: /\.scss$/ }, ({ path }) => {
      const { css, loadedUrls } = sass.compile(path, { loadPaths: [join(here, "node_modules")], quietDeps: true, silenceDeprecations: ["import"] });
      return { contents: css, loader: "css", resolveDir: dirname(path), watchFiles: loadedUrls.filter((u) => u.protocol === "file:").map((u) => fileURLToPath(u)) };
    });
  },
};

// CodeMirror, inside the editors, writes <style> into the page, which the CSP forbids; a constructed style sheet it allows.
const constructedStyles = {
  name: "constructed-styles",
  setup(build) {
    build.onLoad({ filter: /style-mod\/src\/style-mod\.js$/ }, ({ path }) => {
      const source = readFileSync(path, "utf8");
      const contents = source.replace("if (!root.head && root.adoptedStyleSheets", "if (root.adoptedStyleSheets");
      if (contents === source) throw new Error(`${path} is not what it was: see constructedStyles in build.mjs`);
      return { contents, loader: "js" };
    });
  },
};

function entries(folder, extension) {
  return readdirSync(join(here, folder))
    .filter((name) => extname(name) === extension && !name.startsWith("_"))
    .map((name) => join(here, folder, name));
}

function files(folder, extensions) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((f) => f.isFile() && extensions.includes(extname(f.name)) && !f.parentPath.includes("node_modules"))
    .map((f) => join(f.parentPath, f.name));
}

// icon("name"), icon='name', icon: "name"; of icon("a" if x else "b") the later ones too. The first must exist.
const named = /\bicon"?\s*[(=:]\s*(["'])([a-z0-9-]+)\1([^}\n]*)|Item\([^)]*icon="([a-z0-9-]+)"/g;
const outline = join(here, "node_modules/@tabler/icons/icons/outline");

function iconNames() {
  const names = new Set();
  for (const file of [...files(join(webui, "templates"), [".html"]), ...files(webui, [".py"])]) {
    for (const match of readFileSync(file, "utf8").matchAll(named)) {
      names.add(match[2] ?? match[4]);
      for (const [, later] of (match[3] ?? "").matchAll(/["']([a-z0-9-]+)["']/g)) if (existsSync(join(outline, `${later}.svg`))) names.add(later);
    }
  }
  return [...names].sort();
}

function sprite() {
  const symbols = iconNames().map((name) => {
    const svg = readFileSync(join(outline, `${name}.svg`), "utf8");
    const inner = svg.replace(/<!--[^]*?-->/g, "").replace(/<\/?svg[^>]*>/g, "").replace(/\s*\n\s*/g, "");
    return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">${inner}</symbol>`;
  });
  const text = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`;
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 8).toUpperCase();
  writeFileSync(join(fresh, `icons-${hash}.svg`), text);
  return { "icons.svg": `icons-${hash}.svg` };
}

function manifest(metafile) {
  const names = {};
  for (const [output, { entryPoint }] of Object.entries(metafile.outputs)) {
    if (!entryPoint) continue;
    const source = basename(entryPoint).replace(/\.scss$/, ".css");
    names[source] = basename(output);
    const { cssBundle } = metafile.outputs[output];
    if (cssBundle) names[source.replace(/\.js$/, ".js.css")] = basename(cssBundle);
  }
  return names;
}

async function build() {
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  const { metafile } = await esbuild.build({
    entryPoints: [...entries("src", ".js"), ...entries("css", ".scss")],
    outdir: fresh,
    absWorkingDir: here,
    bundle: true,
    splitting: true,
    format: "esm",
    target: ["es2022", "chrome120", "firefox120", "safari17"],
    minify: true,
    sourcemap: false,
    metafile: true,
    legalComments: "linked",
    entryNames: "[name]-[hash]",
    chunkNames: "chunk-[hash]",
    assetNames: "[name]-[hash]",
    loader: { ".woff2": "file", ".woff": "empty", ".ttf": "empty", ".eot": "empty", ".svg": "file", ".png": "file" },
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [scss, constructedStyles],
    logLevel: "warning",
  });
  const names = { ...manifest(metafile), ...sprite() };
  writeFileSync(join(fresh, "manifest.json"), JSON.stringify(names, null, 1));
  rmSync(dist, { recursive: true, force: true });
  renameSync(fresh, dist);
  return names;
}

console.log(await build());
