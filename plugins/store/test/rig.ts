/** A store on a fake log, with what it told the world. */
import type { Commit, Writer } from '@swarmkit/sdk/contracts/store';
import type { Channel, Logger } from '@swarmkit/sdk/plugin/plugin';
import { fixtureTime } from '@swarmkit/sdk/testkit/fixtures';
import { seededRandom } from '@swarmkit/sdk/testkit/virtual-env';
import { Subject } from 'rxjs';
import { requestIds } from '../shell/request-ids.js';
import { StoreService } from '../shell/store-service.js';
import { FakeConsensus } from './fake-consensus.js';

export const anyone: Writer = { id: 'anyone', writes: ['any'] };

export class Rig {
  readonly consensus = new FakeConsensus();
  readonly commits: Commit[] = [];
  readonly logged: string[] = [];
  now = fixtureTime;
  readonly store = this.member('leader', this.commits);
  /** Another member: it only ever decodes entries. */
  readonly replica = this.member('replica', []);

  constructor() {
    this.consensus.attach(this.store, this.replica);
  }

  /** Commits what is in flight and waits until the callers know. */
  async settle(): Promise<void> {
    this.consensus.commit();
    await new Promise((resolve) => setImmediate(resolve));
  }

  private member(seed: string, commits: Commit[]): StoreService {
    return new StoreService({
      consensus: this.consensus,
      clock: { now: () => this.now },
      requestId: requestIds(seededRandom(seed)),
      commits: collecting(commits),
      log: this.logger(),
    });
  }

  private logger(): Logger {
    const note = (fields: object | string, message?: string): void => {
      this.logged.push(message ?? String(fields));
    };
    return { debug: note, info: note, warn: note, error: note };
  }
}

export function collecting(commits: Commit[]): Channel<Commit> {
  const subject = new Subject<Commit>();
  return {
    name: 'store.commits',
    dropped: 0,
    facts$: subject.asObservable(),
    publish: (commit) => {
      commits.push(commit);
      subject.next(commit);
    },
  };
}
