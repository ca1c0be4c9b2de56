import { Arguments, UsageError } from './arguments.ts';
import type { Block, Command, Script } from './parse.ts';
import { parseScript, writeScript } from './parse.ts';
import { Stage } from './stage.ts';
import { VERBS } from './verbs/all.ts';

/** Members and keys that a scenario has when it does not say. */
const DEFAULTS = { members: 2, lanes: 1, keys: 8 } as const;

/** Ids of shards hold their stream's label, which is another in every run. */
const SHARD_ID = /shardId-0*(\d+)-[\d.]+/g;

/** What playing a scenario came to. */
export interface Played {
  /** Every command printed what is expected, and no rule was broken. */
  readonly ok: boolean;
  /** The scenario's text with what was printed. */
  readonly output: string;
  /** Each command that printed something else: lines that were expected ("-") and that came ("+"). Absent when there is none. */
  readonly diff?: string;
}

/**
 * Plays a scenario: carries its commands out, one by one, in a world that nothing else moves. Every oracle watches; a
 * broken rule ends it, and it fails whatever it expects.
 *
 * @param name for messages.
 * @param seed decides what must not matter: clocks of hosts and regions, ids, sequence numbers. Every seed prints the same.
 */
export async function playScenario(text: string, name: string, seed = 1): Promise<Played> {
  let script: Script;
  try {
    script = parseScript(text);
  } catch (error) {
    return { ok: false, output: text, diff: `${name}: ${error instanceof Error ? error.message : String(error)}` };
  }
  const outputs: (readonly string[])[] = [];
  const differences: string[] = [];
  let stage: Stage | undefined;
  let broken = false;
  for (const block of script.blocks) {
    let lines: readonly string[];
    try {
      const done: { stage: Stage; lines: readonly string[] } = await carryOut(block.command, stage, seed);
      ({ stage, lines } = done);
    } catch (error) {
      broken = true;
      lines = [`cannot be done: ${error instanceof Error ? error.message : String(error)}`];
    }
    const violation = stage?.world.violation;
    if (violation !== undefined) {
      broken = true;
      lines = [...lines, `BREAKS ${violation.rule}: ${violation.message}`];
    }
    outputs.push(lines.length === 0 ? ['ok'] : lines);
    differences.push(...difference(name, block, outputs.at(-1) as readonly string[]));
    if (broken) break;
  }
  if (stage !== undefined) stage.world.ended = true;
  const output = writeScript(script, outputs);
  const ok = !broken && differences.length === 0;
  return { ok, output, ...(!ok && { diff: differences.join('\n') || `${name}: it breaks a rule, as its text expects; a scenario must not` }) };
}

async function carryOut(command: Command, stage: Stage | undefined, seed: number): Promise<{ stage: Stage; lines: readonly string[] }> {
  const args = new Arguments(command);
  if (command.verb === 'set') {
    if (stage !== undefined) throw new UsageError('the set is there already');
    const of = {
      seed,
      members: args.number('members') ?? DEFAULTS.members,
      lanes: args.number('lanes') ?? DEFAULTS.lanes,
      keys: args.number('keys') ?? DEFAULTS.keys,
    };
    args.end();
    const made = await Stage.create(of);
    return { stage: made, lines: [`${made.world.set.members.join(' ')}: a is primary in epoch 1`] };
  }
  if (stage === undefined) throw new UsageError('a scenario begins with "set"');
  const verb = Object.hasOwn(VERBS, command.verb) ? VERBS[command.verb] : undefined;
  if (verb === undefined) throw new UsageError(`there is no verb "${command.verb}": there are ${Object.keys(VERBS).sort().join(', ')}`);
  const lines = await verb(stage, args);
  args.end();
  return { stage, lines: lines.map((line) => line.replaceAll(SHARD_ID, 'shardId-$1')) };
}

function difference(name: string, { command, expected, lineNumber }: Block, lines: readonly string[]): string[] {
  if (expected.length === lines.length && expected.every((line, i) => line === lines[i])) return [];
  return [`${name}:${lineNumber}: ${command.line}`, ...expected.map((line) => `- ${line}`), ...lines.map((line) => `+ ${line}`)];
}
