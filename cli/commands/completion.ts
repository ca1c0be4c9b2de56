import type { Command } from 'commander';
import { Argument } from 'commander';
import { EXIT } from '../errors.ts';
import type { RunAlone } from '../program.ts';

/** Shells whose scripts @bomb.sh/tab writes. */
const SHELLS = ['bash', 'zsh', 'fish'] as const;
/** The hidden command that the scripts call at each Tab. Its name is @bomb.sh/tab's protocol. */
const PROTOCOL = 'complete';
/** A name that the adapter needs for a command of its own; it is not offered. */
const ADAPTER_COMMAND = '@tab';

/** syncline completion SHELL. The scripts ask this program at each Tab, so that they never go out of date. */
export function registerCompletion(program: Command, alone: RunAlone): void {
  program
    .command('completion')
    .summary('Tab completion for your shell')
    .description(
      'Writes the script by which a shell completes commands and options. It calls "syncline" at each Tab. In bash it needs the bash-completion package.',
    )
    .addArgument(new Argument('<shell>', 'your shell').choices(SHELLS))
    .addHelpText(
      'after',
      `
Examples:
  source <(syncline completion bash)
  syncline completion bash >> ~/.bashrc
  syncline completion zsh >> ~/.zshrc
  syncline completion fish > ~/.config/fish/completions/syncline.fish`,
    )
    .action((shell: string, _own: unknown, command: Command) =>
      alone(command, async () => {
        const { script } = await import('@bomb.sh/tab');
        script(shell, program.name(), program.name());
        return EXIT.ok;
      }),
    );
}

/**
 * syncline complete -- WORDS: what the scripts call.
 *
 * @param bare makes the program without this command: the adapter adds one of this name to the program that it reads.
 */
export function registerProtocol(program: Command, alone: RunAlone, bare: () => Command): void {
  program
    .command(PROTOCOL, { hidden: true })
    .argument('[words...]')
    .allowUnknownOption()
    .action((words: string[], _own: unknown, command: Command) =>
      alone(command, async () => {
        const { default: tab } = await import('@bomb.sh/tab/commander');
        const program = bare();
        shorten(program);
        const root = tab(program, { completionCommandName: ADAPTER_COMMAND });
        root.commands.delete(ADAPTER_COMMAND);
        // Global options may stand behind a command, too.
        for (const known of root.commands.values()) for (const [name, option] of root.options) known.options.set(name, option);
        root.parse(words);
        return EXIT.ok;
      }),
    );
}

/** Beside a word there is room for a summary, not for a description. */
function shorten(command: Command): void {
  for (const sub of command.commands) {
    if (sub.summary() !== '') sub.description(sub.summary());
    shorten(sub);
  }
}
