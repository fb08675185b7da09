import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import { Cleanup } from '../harness/cleanup.js';
import { type Ended, runNode } from '../harness/run.js';
import { root } from '../house/source-files.js';

/**
 * The migration script against a swarm that is a text file: a false docker and a false swarmctl read it and change
 * it. With real engines it is run by `test/interop/migration.test.ts`.
 */

const script = path.join(root, 'examples/migrate/migrate.mjs');

/**
 * `sh fake.sh STATE KIND NAME WORDS…`, as the `docker`, the `swarmctl` or the start of that node. STATE has a line a
 * node: its name, how it manages (leader, reachable, unreachable, or a dash), up or down. A line `locked` locks the
 * swarm; a line `doomed NAME` makes that node unreachable when the first demotion is over.
 */
const fakeCli = String.raw`
state=$1 kind=$2 name=$3; shift 3
manages() { awk -v n="$1" '$1 == n { print $2 }' "$state"; }
leader=$(awk '$2 == "leader" { print $1 }' "$state")
edit() { awk "$@" "$state" > "$state.new" && mv "$state.new" "$state"; }
enter() {
  [ "$1 $2" = "TOKEN-M $leader:2377" ] || { echo "bad token or address: $1 $2" >&2; exit 1; }
  edit -v n="$name" '$1 != n'; echo "$name reachable up" >> "$state"; exit 0
}
[ "$kind" = start ] && enter "$JOIN_TOKEN" "$JOIN_ADDR"
case "$1 $2" in
  'swarm join') enter "$4" "$5" ;;
  'swarm leave'|'leave ') edit -v n="$name" '{ if ($1 == n) $3 = "down"; print }'; exit ;;
esac
case $(manages "$name") in
  leader|reachable) ;;
  *) echo 'This node is not a swarm manager.' >&2; exit 1 ;;
esac
case "$kind $1 $2" in
  'docker node ls') awk 'NF == 3 { printf "{\"ID\":\"%s\",\"Hostname\":\"%s\",\"Status\":\"%s\",\"Availability\":\"Active\",\"ManagerStatus\":\"%s\"}\n",
    $1, $1, $3 == "up" ? "Ready" : "Down", $2 == "-" ? "" : toupper(substr($2, 1, 1)) substr($2, 2) }' "$state" ;;
  'swarmctl node ls') awk 'NF == 3 { m = $2 == "-" ? "WORKER" : "MANAGER"; if (more++) printf ","; else printf "[";
    printf "{\"id\":\"%s\",\"description\":{\"hostname\":\"%s\"},\"status\":{\"state\":\"%s\"},\"spec\":{\"desiredRole\":\"%s\"},\"certificate\":{\"role\":\"%s\",\"status\":{\"state\":\"ISSUED\"}}",
      $1, $1, $3 == "up" ? "READY" : "DOWN", m, m;
    if ($2 != "-") printf ",\"managerStatus\":{\"leader\":%s,\"reachability\":\"%s\",\"addr\":\"%s:2377\"}", $2 == "leader" ? "true" : "false", $2 == "unreachable" ? "UNREACHABLE" : "REACHABLE", $1;
    printf "}" } END { print "]" }' "$state" ;;
  'docker node inspect') echo "{\"Addr\":\"$leader:2377\"}" ;;
  'docker swarm join-token'|'swarmctl cluster join-token') echo TOKEN-M ;;
  'docker info '*) grep -q '^locked' "$state" && echo true || echo false ;;
  'swarmctl cluster inspect') grep -q '^locked' "$state" && echo '{"spec":{"encryptionConfig":{"autoLockManagers":true}}}' || echo '{}' ;;
  'swarmctl task ls') echo '[]' ;;
  *' node ps'|*' node update') ;;
  *' node promote') edit -v n="$3" '{ if ($1 == n) $2 = "reachable"; print }' ;;
  *' node demote')
    edit -v n="$3" '{ if ($1 == n) { led = $2 == "leader"; $2 = "-" } print }'
    [ "$leader" = "$3" ] && edit '{ if (!done && $2 == "reachable") { $2 = "leader"; done = 1 } print }'
    edit '$1 == "doomed" { d = $2; next } { lines[++n] = $0 } END { for (i = 1; i <= n; i++) { split(lines[i], f, " "); if (f[1] == d) f[2] = "unreachable"; print f[1], f[2], f[3] } }' ;;
  *' node rm') edit -v n="$3" '$1 != n' ;;
  *) echo "unknown: $kind $*" >&2; exit 1 ;;
esac
`;

describe('the migration script', () => {
  const cleanup = new Cleanup();
  after(() => cleanup.run());
  let state = '';
  let plan = '';
  let cli = '';

  beforeEach(() => {
    const folder = cleanup.folder();
    state = path.join(folder, 'swarm.json');
    plan = path.join(folder, 'plan.json');
    cli = path.join(folder, 'fake.sh');
    writeFileSync(cli, fakeCli);
    const as = (kind: string, name: string): string => `sh ${cli} ${state} ${kind} ${name}`;
    const ours = ['m1', 'm2', 'm3'].map((name) => ({
      ...{ name, swarmctl: as('swarmctl', name), start: as('start', name) },
    }));
    const docker = ['e1', 'e2'].map((name) => ({ name, docker: as('docker', name) }));
    writeFileSync(plan, JSON.stringify({ ours, docker }));
    put('e1 leader up', 'e2 reachable up', 'w1 - up');
  });

  const put = (...lines: readonly string[]): void => writeFileSync(state, `${lines.join('\n')}\n`);
  const swarm = (): readonly string[] => readFileSync(state, 'utf8').trim().split('\n');
  const managers = (): readonly string[] =>
    swarm()
      .map((line) => line.split(' '))
      .filter(([, manager]) => manager !== '-')
      .map(([name, manager]) => (manager === 'leader' ? `${name}*` : String(name)));
  const names = (): readonly string[] => swarm().map((line) => line.split(' ')[0] ?? '');
  const migrate = (...words: readonly string[]): Promise<Ended> => runNode([script, ...words]);

  it('says what it would do, and does nothing without a yes', async () => {
    const before = swarm();
    const { status, stdout, stderr } = await migrate('to-ours', plan);
    assert.equal(status, 1);
    assert.equal(stderr, 'migrate: nothing was changed; type yes when asked, or say --yes\n');
    assert.deepEqual(
      stdout
        .split('\n')
        .map((line) => /^\d\. (\w+)/.exec(line)?.[1])
        .filter(Boolean),
      // Who leads goes last.
      ['m1', 'm2', 'm3', 'e2', 'e1'],
    );
    assert.deepEqual(swarm(), before);
  });

  it('moves to ours, takes the engines out, and has nothing to do then', async () => {
    const done = await migrate('to-ours', plan, '--yes', '--remove');
    assert.deepEqual([done.stderr, done.status], ['', 0]);
    assert.deepEqual(managers(), ['m1*', 'm2', 'm3']);
    assert.deepEqual(names(), ['w1', 'm1', 'm2', 'm3']);
    const again = await migrate('to-ours', plan, '--yes');
    assert.equal(again.stdout, 'There is nothing to do.\n');
  });

  it('moves back, promoting the engines that are there', async () => {
    await migrate('to-ours', plan, '--yes');
    const done = await migrate('to-docker', plan, '--yes', '--remove');
    assert.deepEqual([done.stderr, done.status], ['', 0]);
    assert.deepEqual(managers(), ['e1*', 'e2']);
    assert.deepEqual(names(), ['e1', 'e2', 'w1']);
    assert.match(done.stdout, /Note: with 2 managers in the end none may be lost/);
  });

  it('goes on where a run was stopped', async () => {
    put(...swarm(), 'm1 reachable up');
    const { stdout } = await migrate('to-ours', plan, '--yes');
    assert.doesNotMatch(stdout, /m1 joins/);
    assert.deepEqual(managers(), ['m1*', 'm2', 'm3']);
  });

  it('refuses a step after which there were no majority', async () => {
    // m2 dies after the first demotion: then e1 is one of three that are needed.
    put(...swarm(), 'doomed m2');
    const { status, stderr } = await migrate('to-ours', plan, '--yes', '--timeout', '2');
    assert.equal(status, 1);
    assert.match(stderr, /every manager is reached: not within 2 s; nothing more is done/);
    assert.deepEqual(managers(), ['e1*', 'm1', 'm2', 'm3']);
    const again = await migrate('to-ours', plan, '--yes');
    assert.match(again.stderr, /^migrate: m2 cannot be reached: bring it back or remove it first/);
    assert.deepEqual(managers(), ['e1*', 'm1', 'm2', 'm3']);
  });

  it('refuses a locked swarm, a manager that it does not know, and a plan that it cannot read', async () => {
    const before = swarm();
    for (const [change, sentence] of [
      [() => put(...before, 'locked'), /the swarm is locked: docker swarm update --autolock=false/],
      [() => put(...before, 'e9 reachable up'), /e9 manages too and is not in the plan/],
      [
        () => writeFileSync(plan, '{"ours": [{"name": "m1"}]}'),
        /a node in "ours" has no "swarmctl"/,
      ],
      [() => writeFileSync(plan, '{"theirs": []}'), /theirs is not known; a plan has/],
    ] as const) {
      change();
      const { status, stderr } = await migrate('to-ours', plan, '--yes');
      assert.equal(status, 1);
      assert.match(stderr, sentence);
    }
    assert.match((await migrate('sideways', plan)).stderr, /usage: migrate\.mjs/);
  });
});
