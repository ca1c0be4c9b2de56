import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { CliError } from './errors.ts';

/** What a person says about a rewrite, whatever it is. */
export interface RewriteOptions {
  readonly dryRun?: true;
  readonly yes?: true;
  readonly allowDeletes?: number;
}

/** Which rewrite that there is already is meant. */
export interface EarlierOptions {
  readonly undo?: string;
  readonly resume?: string;
}

/** The options that `restore --in-place` and `undo` have in common. */
export function rewriteOptions(command: Command): Command {
  return command
    .option('--dry-run', 'write the plan and show it, with --resume only show it; change nothing')
    .option('--yes', 'begin without asking')
    .addOption(new Option('--allow-deletes <number>', 'so many items may be deleted, where that is a large share of the table').argParser(wholeNumber))
    .option('--undo <job>', 'take an earlier job back')
    .option('--resume <job>', 'go on with a job that was planned only, stopped or killed; shows what is left, and asks');
}

function wholeNumber(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of items.');
  return Number(text);
}

/**
 * The earlier job that is meant, and what with it; undefined when a new one is wanted.
 *
 * @param others names of options that say what a new one is, and are given.
 * @throws CliError (usage)
 */
export function earlierJob(
  { undo, resume }: EarlierOptions,
  others: readonly string[],
): { readonly what: 'undo' | 'resume'; readonly job: string } | undefined {
  if (undo !== undefined && resume !== undefined) throw new CliError('usage', 'bad-options', '--undo and --resume exclude each other.');
  const job = undo ?? resume;
  if (job === undefined) return undefined;
  const what = undo === undefined ? 'resume' : 'undo';
  if (others.length > 0) throw new CliError('usage', 'bad-options', `--${what} JOB says all there is to say: leave out ${others.join(', ')}.`);
  return { what, job };
}
