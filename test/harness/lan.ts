import { spawnSync } from 'node:child_process';
import type { Cleanup } from './cleanup.js';

/**
 * Several hosts on this machine: network namespaces on one bridge, which has a namespace of its own, so
 * that nothing of it is seen outside. Cables can be pulled.
 */
export class Lan {
  private readonly name = `swk-${process.pid}-${++made}`;
  private hosts = 0;

  constructor(private readonly cleanup: Cleanup) {
    this.addNamespace(this.name);
    ip('-n', this.name, 'link', 'add', 'br0', 'type', 'bridge');
    ip('-n', this.name, 'link', 'set', 'br0', 'up');
  }

  host(): LanHost {
    const index = ++this.hosts;
    const netns = `${this.name}-${index}`;
    const port = `p${index}`;
    this.addNamespace(netns);
    ip('-n', netns, 'link', 'set', 'lo', 'up');
    ip(
      '-n',
      netns,
      'link',
      'add',
      'eth0',
      'type',
      'veth',
      'peer',
      'name',
      port,
      'netns',
      this.name,
    );
    ip('-n', this.name, 'link', 'set', port, 'master', 'br0');
    ip('-n', this.name, 'link', 'set', port, 'up');
    const host = new LanHost(netns, (up) =>
      ip('-n', this.name, 'link', 'set', port, up ? 'up' : 'down'),
    );
    host.move(`10.77.0.${index}`);
    ip('-n', netns, 'link', 'set', 'eth0', 'up');
    // Whoever asks for the way out finds one, and nobody there.
    ip('-n', netns, 'route', 'add', 'default', 'dev', 'eth0');
    return host;
  }

  private addNamespace(netns: string): void {
    ip('netns', 'add', netns);
    this.cleanup.add(`network namespace ${netns}`, () => {
      spawnSync('ip', ['netns', 'del', netns], { env: environment() });
    });
  }
}

let made = 0;

export class LanHost {
  address = '';

  constructor(
    readonly netns: string,
    private readonly link: (up: boolean) => void,
  ) {}

  /** Words before a command that is to run on this host. */
  get enter(): readonly string[] {
    return ['nsenter', `--net=/run/netns/${this.netns}`];
  }

  /** Gives it another address. */
  move(address: string): void {
    if (this.address !== '')
      ip('-n', this.netns, 'addr', 'del', `${this.address}/16`, 'dev', 'eth0');
    ip('-n', this.netns, 'addr', 'add', `${address}/16`, 'dev', 'eth0');
    this.address = address;
  }

  /** Pulls its cable. */
  unplug(): void {
    this.link(false);
  }

  plug(): void {
    this.link(true);
  }
}

const environment = (): NodeJS.ProcessEnv => ({
  ...process.env,
  PATH: `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`,
});

function ip(...words: readonly string[]): void {
  const done = spawnSync('ip', words, { encoding: 'utf8', env: environment() });
  if (done.status !== 0)
    throw new Error(`ip ${words.join(' ')}: ${done.stderr || done.error?.message}`);
}
