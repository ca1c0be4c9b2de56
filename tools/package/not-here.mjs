// `npm pack` and `npm publish` in the project's folder would take its sources and tools. What users install is made apart.
process.stderr.write(
  'This folder is not the package. "npm run package" makes it: dist/package, and its tarball dist/syncline-VERSION.tgz. See docs/package.md.\n',
);
process.exitCode = 1;
