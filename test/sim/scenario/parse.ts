/**
 * The text of a scenario: comments, and blocks of one command and what it shall print. After cockroachdb/datadriven, as
 * etcd/raft's interaction tests use it.
 *
 * ```
 * # A comment: a line that begins with "#". It stays where it is.
 * put a k0 v=1
 * ----
 * a1 k0 v=1
 * ```
 *
 * The expected output ends with the first empty line.
 */

/** What is between a command and its expected output. */
const SEPARATOR = '----';

/** A command as it was written: "fanout a records=3 writes" is verb "fanout", words ["a", "writes"], options {records: "3"}. */
export interface Command {
  readonly line: string;
  readonly verb: string;
  /** What is no option, in order: names of members, keys, invocations, and flags. */
  readonly words: readonly string[];
  readonly options: ReadonlyMap<string, string>;
}

/** One command, and what it is expected to print. */
export interface Block {
  /** Comments and empty lines before it, as they are. */
  readonly before: readonly string[];
  readonly command: Command;
  readonly expected: readonly string[];
  /** Of the command, from 1. */
  readonly lineNumber: number;
}

/** A scenario's text, taken apart. */
export interface Script {
  readonly blocks: readonly Block[];
  /** Comments and empty lines after the last block. */
  readonly after: readonly string[];
}

/** The text of a scenario cannot be read. */
export class ScriptError extends Error {
  constructor(lineNumber: number, problem: string) {
    super(`line ${lineNumber}: ${problem}`);
    this.name = 'ScriptError';
  }
}

/** Takes a scenario's text apart. @throws ScriptError */
export function parseScript(text: string): Script {
  const lines = text.split('\n').map((line) => line.trimEnd());
  const blocks: Block[] = [];
  let before: string[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] as string;
    if (line === '' || line.startsWith('#')) {
      before.push(line);
      continue;
    }
    const lineNumber = at + 1;
    if (lines[at + 1] !== SEPARATOR)
      throw new ScriptError(lineNumber, `after the command "${line}" comes a line of "${SEPARATOR}"; got "${lines[at + 1] ?? ''}"`);
    at += 2;
    const expected: string[] = [];
    for (; at < lines.length && lines[at] !== ''; at += 1) expected.push(lines[at] as string);
    blocks.push({ before, command: parseCommand(line), expected, lineNumber });
    // The empty line that ended the output belongs to what follows.
    before = at < lines.length ? [''] : [];
  }
  return { blocks, after: before };
}

function parseCommand(line: string): Command {
  const [verb, ...parts] = line.split(/\s+/) as [string, ...string[]];
  const options = new Map<string, string>();
  const words: string[] = [];
  for (const part of parts) {
    const at = part.indexOf('=');
    if (at > 0) options.set(part.slice(0, at), part.slice(at + 1));
    else words.push(part);
  }
  return { line, verb, words, options };
}

/** The text of a scenario whose blocks have printed this. */
export function writeScript(script: Script, outputs: readonly (readonly string[])[]): string {
  const lines: string[] = [];
  for (const [i, { before, command, expected }] of script.blocks.entries()) lines.push(...before, command.line, SEPARATOR, ...(outputs[i] ?? expected));
  return `${[...lines, ...script.after].join('\n').trimEnd()}\n`;
}
