import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const places = [
  "packages/*/src/**/*.test.ts",
  "apps/*/src/**/*.test.ts",
  "test/**/*.test.ts",
  "scripts/**/*.test.ts",
];
const built = ["**/dist/**", "**/node_modules/**"];
const system = "**/*.system.test.ts";

/** Smoke tests wait for processes most of the time: started first, they do it while others compute. */
class SmokeTestsFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isSmokeTest = ({ moduleId }: TestSpecification) => moduleId.includes("/test/smoke/");
    return [...sorted.filter(isSmokeTest), ...sorted.filter((file) => !isSmokeTest(file))];
  }
}

/**
 * Two suites. What is named `x.system.test.ts` starts many processes, compiles, or takes more than a few seconds: `npm run
 * test:system`. Everything else is quick: `npm test`. Unit tests sit beside the code; suites across packages sit in test/.
 */
export default defineConfig({
  ssr: { resolve: { conditions: ["source", "node", "import", "module", "default"] } },
  resolve: { conditions: ["source", "node", "import", "module", "default"] },
  test: {
    // Vitest would leave one core idle.
    maxWorkers: "100%",
    sequence: { sequencer: SmokeTestsFirst },
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        // The files share their workers' modules: loading those anew for each file takes longer than the tests. So a test
        // puts back what it changes of its process.
        test: { name: "unit", include: places, exclude: [...built, system], isolate: false },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: [system],
          exclude: built,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
