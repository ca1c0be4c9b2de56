import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plainEnvironment, runCommand } from '../../local/command.ts';
import { localDirectory } from '../../local/paths.ts';
import { ensurePythonEnvironment, pythonPrograms } from '../../tools/python-environment.ts';

/** Schemathesis (https://schemathesis.readthedocs.io), a fuzzer that reads OpenAPI documents, in a Python environment of its own under .local/. */

const here = dirname(fileURLToPath(import.meta.url));
const ENVIRONMENT = 'fuzz-venv';
const environment = join(localDirectory, ENVIRONMENT);

/** A validation takes a few seconds (ms). */
const VALIDATE_MAX_MS = 120_000;

/** What is held against each answer. */
const CHECKS = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_headers_conformance',
  'response_schema_conformance',
  'unsupported_method',
  'ignored_auth',
];

/** Makes sure that the environment is there. @throws Error when Python or pip cannot make it */
export const ensureSchemathesis = (): Promise<void> => ensurePythonEnvironment(ENVIRONMENT, join(here, 'requirements.txt'));

/** Reads a document and holds it against the specification. */
const VALIDATE = 'import json, sys; from openapi_spec_validator import OpenAPIV31SpecValidator as V; V(json.load(open(sys.argv[1]))).validate()';

/** Checks that a text is an OpenAPI 3.1 document by the specification. @throws Error that says where it is not */
export async function validateDocument(text: string): Promise<void> {
  const file = join(environment, 'openapi.json');
  await writeFile(file, text);
  await runCommand(join(pythonPrograms(ENVIRONMENT), 'python'), ['-c', VALIDATE, file], {
    cwd: environment,
    env: plainEnvironment(),
    timeoutMs: VALIDATE_MAX_MS,
  });
}

export interface FuzzRun {
  readonly url: string;
  /** `valid`: what the document allows, drawn by chance. `any`: that, and each of its limits broken in turn. */
  readonly mode: 'valid' | 'any';
  /** Cases an operation, in the phases that are drawn by chance. */
  readonly examples: number;
  readonly seed: number;
  /** Headers of every request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Longest time of the run (ms). */
  readonly timeoutMs: number;
  readonly onOutput: (text: string) => void;
}

/** Fuzzes an API from its own document. @returns whether every check held. */
export async function runSchemathesis(run: FuzzRun): Promise<boolean> {
  const headers = Object.entries(run.headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
  const options = ['--url', run.url, '--checks', CHECKS.join(','), '--max-examples', String(run.examples), '--seed', String(run.seed)];
  const mode = run.mode === 'valid' ? ['--mode', 'positive', '--phases', 'examples,fuzzing'] : ['--mode', 'all'];
  const fixed = ['--no-color', '--continue-on-failure', '--warnings', 'off', '--suppress-health-check', 'all', '--generation-database', 'none'];
  try {
    await runCommand(join(pythonPrograms(ENVIRONMENT), 'schemathesis'), ['run', `${run.url}/openapi.json`, ...options, ...mode, ...fixed, ...headers], {
      cwd: environment,
      env: { ...plainEnvironment(), SCHEMATHESIS_HOOKS: 'hooks', PYTHONPATH: here, PYTHONDONTWRITEBYTECODE: '1' },
      timeoutMs: run.timeoutMs,
      onOutput: run.onOutput,
    });
    return true;
  } catch (error) {
    run.onOutput(`\n${(error as Error).message.split('\n', 1)[0]}\n`);
    return false;
  }
}
