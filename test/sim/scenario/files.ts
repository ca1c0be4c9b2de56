import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../scenarios/', import.meta.url);

/** A scenario's file. */
export interface ScenarioFile {
  readonly file: string;
  readonly text: string;
  /** The mutants that make it fail, by its comment "# bites: NAME, NAME". */
  readonly bites: readonly string[];
}

/** All scenarios, by name. */
export const scenarioFiles = (): readonly ScenarioFile[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.txt'))
    .sort()
    .map((file) => {
      const text = readFileSync(new URL(file, FOLDER), 'utf8');
      const bites = [...text.matchAll(/^# bites: (.*)$/gm)].flatMap((m) => (m[1] as string).split(',').map((name) => name.trim()));
      return { file, text, bites };
    });
