// Loaded into the pool by the fuzzer, with --expose-gc: heap figures are compared right after a collection.
process.on("SIGUSR2", () => {
  globalThis.gc?.();
  globalThis.gc?.();
});
