import { RestoreRefusedError } from '../lib/archive/restore/refused.ts';
import { CliError } from './errors.ts';
import type { Output } from './output.ts';
import { refusalText } from './restore-words.ts';

/**
 * Makes what turns a refusal into an error for a person. With --json its message is the one sentence: the document has the findings.
 *
 * @param code of the error: "restore-refused"
 */
export const refusedAs =
  (code: string, out: Output) =>
  (error: unknown): never => {
    if (!(error instanceof RestoreRefusedError)) throw error;
    const { message, findings, found } = error;
    throw new CliError('failed', code, out.json ? `${message} Nothing was written.` : refusalText(error), { findings, found }, { cause: error });
  };
