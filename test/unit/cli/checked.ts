import { PassThrough } from 'node:stream';
import type { CheckIo } from '../../../cli/check-plan.ts';
import { Output } from '../../../cli/output.ts';
import { main } from '../../../cli/program.ts';
import type { CliPorts, Outside, Session } from '../../../cli/session.ts';
import { openSession } from '../../../cli/session.ts';
import { Rig } from '../reconcile/check/rig.ts';
import type { Json, Outcome } from './world.ts';
import { collect } from './world.ts';

/** The commands of the checker, run against a set whose functions work beside them, in virtual time. */
export class Checked {
  readonly rig: Rig;
  /** Called when a command begins to listen for a person who wants to end. */
  onListen: ((stop: () => void) => void) | undefined;
  /** What a file, or standard input ("-"), holds. */
  readonly files = new Map<string, string>();
  readonly place: readonly string[];

  private constructor(rig: Rig) {
    this.rig = rig;
    const { config } = rig.world;
    const regions = config.members.map(({ region }) => region);
    const tables = config.members.map(({ region, items }) => `${region}=${items}`);
    this.place = [
      '--set',
      config.set,
      '--regions',
      regions.join(),
      '--account',
      '000000000000',
      '--keys',
      'pk:S,sk:N',
      '--lanes',
      String(config.lanes),
      '--tables',
      tables.join(),
    ];
  }

  static async create(items: number, options: Parameters<typeof Rig.create>[1] = {}): Promise<Checked> {
    return new Checked(await Rig.create(items, options));
  }

  /** Runs a command line, where nobody can be asked. */
  async run(...args: string[]): Promise<Outcome> {
    const [stdout, stderr] = [collect(), collect()];
    const code = await this.rig.beside(main([...args, ...this.place], this.outside(), stdout.stream, stderr.stream));
    const out = stdout.text();
    return { code, stdout: out, stderr: stderr.text(), json: args.includes('--json') ? JSON.parse(out) : undefined };
  }

  /** Runs a command's body where a person sits, who answers so. A question that nobody expects fails the test. */
  async asked(
    answers: readonly boolean[],
    body: (session: Session, io: CheckIo) => Promise<number>,
  ): Promise<Outcome & { readonly questions: readonly string[] }> {
    const [stdout, stderr] = [collect(), collect()];
    const questions: string[] = [];
    const confirm = async (question: string): Promise<boolean> => {
      const answer = answers[questions.length];
      questions.push(question);
      if (answer === undefined) throw new Error(`Nobody answers "${question}".`);
      return answer;
    };
    const out = new Output(stdout.stream, stderr.stream, { json: false, color: false });
    const [set, regions, account, keys, lanes, tables] = this.place.filter((_, i) => i % 2 === 1) as [string, string, string, string, string, string];
    const work = async (): Promise<number> => {
      const session = await openSession({ set, regions, account, keys, lanes, tables, timeout: 60 }, this.outside(), out);
      return body(session, { confirm, owner: 'a person', stream: new PassThrough() });
    };
    const code = await this.rig.beside(work());
    return { code, stdout: stdout.text(), stderr: stderr.text(), json: undefined, questions };
  }

  private outside(): Outside {
    const { world } = this.rig;
    return {
      env: {},
      cwd: '/nowhere',
      localCloud: () => undefined,
      connect: async (region): Promise<CliPorts> => {
        const { table, queue, stream, objects } = world.cloud.region(region);
        const stacks = { account: async () => '000000000000', apiUrl: async () => undefined, deployedConfig: async () => JSON.stringify(world.config) };
        return { table, queue, stream, objects, events: this.rig.events, stacks };
      },
      facts: async () => {
        throw new Error('no facts in this test');
      },
      credentials: async () => ({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' }),
      fetch: async () => {
        throw new TypeError('fetch failed');
      },
      readText: async (file) => this.files.get(file) as Json,
      onStop: (stop) => {
        this.onListen?.(stop);
        return () => undefined;
      },
      runtime: world.runtime,
    };
  }
}
