#!/usr/bin/env node
/**
 * Moves a Docker swarm to managers of ours, and back: what docs/recipes/migrate-from-docker-swarm.md says, step by
 * step. Built on the docker CLI and swarmctl alone. Every step is derived from what the swarm says now, so that a
 * run that was stopped goes on where it was. Says what it is going to do before it does it, looks at every manager
 * between two steps, and takes no step after which the managers that can be reached were no majority.
 */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';

const USAGE = `usage: migrate.mjs to-ours|to-docker PLAN.json [--yes] [--remove] [--timeout SECONDS]
  --yes        do it without asking
  --remove     afterwards also take the nodes out that were demoted
  --timeout    how long a step may take until the swarm is well again (default 180)
What goes into the plan: examples/migrate/README.md`;

/** What ends the program with one sentence. */
class Refusal extends Error {}

const refuse = (sentence) => {
  throw new Refusal(sentence);
};

// ---- what it is told --------------------------------------------------------------------------------------

function readWords() {
  let parsed;
  try {
    parsed = parseArgs({
      allowPositionals: true,
      options: {
        yes: { type: 'boolean', default: false },
        remove: { type: 'boolean', default: false },
        timeout: { type: 'string', default: '180' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    refuse(`${error.message}\n${USAGE}`);
  }
  const { values, positionals } = parsed;
  if (values.help) {
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  }
  const [direction, file, ...more] = positionals;
  if (!['to-ours', 'to-docker'].includes(direction) || file === undefined || more.length > 0)
    refuse(USAGE);
  const seconds = Number(values.timeout);
  if (!(seconds > 0)) refuse(`--timeout is ${JSON.stringify(values.timeout)}; write seconds`);
  return { ...values, direction, plan: readPlan(file), timeoutMs: seconds * 1_000 };
}

const FIELDS = {
  ours: { needed: ['name', 'swarmctl'], may: ['start', 'stop'] },
  docker: { needed: ['name', 'docker'], may: ['advertise'] },
};

function readPlan(file) {
  let plan;
  try {
    plan = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    refuse(`the plan ${file} cannot be read: ${error.message}`);
  }
  for (const key of Object.keys(plan ?? {}))
    if (!(key in FIELDS)) refuse(`${file}: ${key} is not known; a plan has "ours" and "docker"`);
  for (const [list, { needed, may }] of Object.entries(FIELDS)) {
    if (!Array.isArray(plan?.[list]) || plan[list].length === 0)
      refuse(`${file}: "${list}" must be a list of nodes, at least one`);
    for (const node of plan[list]) {
      for (const key of needed)
        if (typeof node[key] !== 'string' || node[key] === '')
          refuse(`${file}: a node in "${list}" has no "${key}"`);
      for (const key of Object.keys(node))
        if (![...needed, ...may].includes(key))
          refuse(`${file}: ${node.name}: ${key} is not known here`);
    }
  }
  const names = [...plan.ours, ...plan.docker].map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) refuse(`${file}: ${twice} is there twice`);
  return plan;
}

// ---- what the swarm says ----------------------------------------------------------------------------------

/** Runs a line of the plan with words behind it; what it printed. */
function run(line, words = [], env = {}) {
  return new Promise((resolve, reject) => {
    execFile(
      'sh',
      ['-c', [line, ...words].join(' ')],
      { env: { ...process.env, ...env }, timeout: 60_000, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(stderr.trim().split('\n').at(-1) || error.message));
      },
    );
  });
}

/** Nodes in one shape, whoever was asked. `manager`: 'leader', 'reachable', 'unreachable', or undefined. */
async function nodesBySwarmctl(swarmctl) {
  return JSON.parse(await run(swarmctl, ['node', 'ls', '--format', 'json'])).map((node) => ({
    id: node.id,
    name: node.description?.hostname ?? '',
    isReady: node.status?.state === 'READY',
    isDrained: node.spec?.availability === 'DRAIN',
    isWorkerForGood:
      node.spec?.desiredRole === 'WORKER' &&
      node.managerStatus === undefined &&
      node.certificate?.role === 'WORKER' &&
      node.certificate.status?.state === 'ISSUED',
    manager: node.managerStatus?.leader ? 'leader' : node.managerStatus?.reachability.toLowerCase(),
  }));
}

async function nodesByDocker(docker) {
  const lines = (await run(docker, ['node', 'ls', '--format', "'{{json .}}'"])).trim().split('\n');
  return lines.map((line) => {
    const node = JSON.parse(line);
    return {
      id: node.ID,
      name: node.Hostname,
      isReady: node.Status === 'Ready',
      isDrained: node.Availability === 'Drain',
      isWorkerForGood: node.ManagerStatus === '',
      manager: node.ManagerStatus === '' ? undefined : node.ManagerStatus.toLowerCase(),
    };
  });
}

class SwarmView {
  constructor(plan) {
    this.plan = plan;
  }

  /** The nodes as one manager lists them; ours are asked first, because they say more. */
  async nodes() {
    const failures = [];
    for (const [list, ask] of [
      [this.plan.ours, ({ swarmctl }) => nodesBySwarmctl(swarmctl)],
      [this.plan.docker, ({ docker }) => nodesByDocker(docker)],
    ])
      for (const member of list)
        try {
          const nodes = await ask(member);
          if (nodes.some(({ manager }) => manager === 'leader')) return nodes;
          failures.push(`${member.name}: it knows of no leader`);
        } catch (error) {
          failures.push(`${member.name}: ${error.message}`);
        }
    throw new Error(`no manager answers: ${failures.join('; ')}`);
  }

  /** Undefined where it is not in the swarm. Of several records of one name the newest life counts. */
  async node(name) {
    return named(await this.nodes(), name);
  }
}

function named(nodes, name) {
  const found = nodes.filter((node) => node.name === name);
  return found.find(({ isReady }) => isReady) ?? found[0];
}

const isOurs = (plan, name) => plan.ours.some((one) => one.name === name);
const managersOf = (nodes) => nodes.filter(({ manager }) => manager !== undefined);
const isReached = ({ manager }) => manager === 'leader' || manager === 'reachable';
const majorityOf = (count) => Math.floor(count / 2) + 1;

/** Why these managers cannot do without this one; undefined when they can. */
function quorumProblem(nodes, name) {
  const rest = managersOf(nodes).filter((node) => node.name !== name);
  const reached = rest.filter(isReached).length;
  if (rest.length === 0) return `${name} is the only manager`;
  if (reached >= majorityOf(rest.length)) return undefined;
  return `of the ${rest.length} managers that would remain ${reached} can be reached, and ${majorityOf(rest.length)} are needed`;
}

// ---- steps ------------------------------------------------------------------------------------------------

class Migration {
  constructor({ plan, timeoutMs, remove, direction }) {
    this.plan = plan;
    this.view = new SwarmView(plan);
    this.timeoutMs = timeoutMs;
    this.remove = remove;
    this.toOurs = direction === 'to-ours';
  }

  /** What is left to do, from what the swarm says now. */
  async steps() {
    const nodes = await this.view.nodes();
    const [coming, going] = this.toOurs
      ? [this.plan.ours, this.plan.docker]
      : [this.plan.docker, this.plan.ours];
    const steps = [];
    for (const member of coming) {
      const node = named(nodes, member.name);
      if (node?.manager !== undefined) continue;
      if (node?.isReady) steps.push(this.promotion(member));
      else steps.push(this.joining(member));
    }
    // Who leads goes last: it hands over, and that is the one moment in which writes wait.
    const leader = nodes.find(({ manager }) => manager === 'leader')?.name;
    const managing = going.filter(({ name }) => named(nodes, name)?.manager !== undefined);
    for (const member of managing.toSorted((a, b) => (a.name === leader) - (b.name === leader)))
      steps.push(this.demotion(member));
    if (this.remove)
      for (const member of going) if (named(nodes, member.name)) steps.push(this.removal(member));
    return steps;
  }

  joining(member) {
    const how = isOurs(this.plan, member.name) ? member.start : 'docker swarm join';
    return {
      say: `${member.name} joins as a manager${how ? `: ${how}` : ''}`,
      do: async () => {
        const { address, token } = await this.entrance();
        if (!isOurs(this.plan, member.name)) {
          const where = member.advertise ? ['--advertise-addr', member.advertise] : [];
          await run(member.docker, ['swarm', 'join', ...where, '--token', token, address]);
        } else if (member.start)
          await run(member.start, [], { JOIN_ADDR: address, JOIN_TOKEN: token });
        else
          refuse(
            `start ${member.name} yourself, then say the same again: swarmd … --join-addr ${address} --join-token TOKEN (docker swarm join-token manager), or give the plan a "start"`,
          );
        await this.manages(member);
      },
    };
  }

  promotion(member) {
    return {
      say: `${member.name}, a worker now, becomes a manager`,
      do: async () => {
        await this.control('promote', member.name);
        await this.manages(member);
      },
    };
  }

  demotion(member) {
    return {
      say: `${member.name} becomes a worker; its tasks run on`,
      do: async () => {
        const problem = quorumProblem(await this.view.nodes(), member.name);
        if (problem !== undefined) refuse(`${member.name} stays a manager: ${problem}`);
        await this.control('demote', member.name);
        await this.until(`${member.name} is a worker`, async () => {
          const node = await this.view.node(member.name);
          return node?.isWorkerForGood && node.isReady;
        });
        await this.allIsWell();
      },
    };
  }

  removal(member) {
    return {
      say: `${member.name} is drained, leaves, and is removed`,
      do: async () => {
        const { id, manager } = (await this.view.node(member.name)) ?? {};
        if (manager !== undefined) refuse(`${member.name} manages still`);
        const { ask } = await this.speaker();
        await ask(['node', 'update', '--availability', 'drain', id]);
        await this.until(`${member.name} has no task`, async () => !(await this.hasTasks(id)));
        if (isOurs(this.plan, member.name)) {
          if (member.stop) await run(member.stop);
          else await run(member.swarmctl, ['leave']);
        } else await run(member.docker, ['swarm', 'leave']);
        await this.until(`${member.name} is down`, async () => {
          const node = (await this.view.nodes()).find((one) => one.id === id);
          return node === undefined || !node.isReady;
        });
        await ask(['node', 'rm', id]);
      },
    };
  }

  /** It is a manager, the leader reaches it, and it has the whole state itself: only then it helps to elect one. */
  async manages(member) {
    await this.until(`${member.name} manages`, async () => {
      const nodes = await this.view.nodes();
      const node = nodes.find(({ name, isReady }) => name === member.name && isReady);
      if (node === undefined || !isReached(node)) return false;
      const own = isOurs(this.plan, member.name)
        ? await nodesBySwarmctl(member.swarmctl)
        : await nodesByDocker(member.docker);
      const ids = (list) =>
        list
          .map(({ id }) => id)
          .sort()
          .join();
      return ids(own) === ids(nodes) && own.some(({ manager }) => manager === 'leader');
    });
    await this.allIsWell();
  }

  /** Every manager is reached and READY. */
  async allIsWell() {
    await this.until('every manager is reached', async () =>
      managersOf(await this.view.nodes()).every((node) => isReached(node) && node.isReady),
    );
  }

  /** A CLI of a manager that answers, of ours where there is one. */
  async speaker() {
    const nodes = await this.view.nodes();
    const manages = ({ name }) => nodes.some((node) => node.name === name && isReached(node));
    for (const one of this.plan.ours)
      if (manages(one)) return { ask: (words) => run(one.swarmctl, words), ours: one };
    for (const one of this.plan.docker)
      if (manages(one)) return { ask: (words) => run(one.docker, words), docker: one };
    throw new Error('no manager of the plan can be reached');
  }

  async control(verb, name) {
    const { id } = (await this.view.node(name)) ?? refuse(`${name} is not in the swarm`);
    const { ask } = await this.speaker();
    await ask(['node', verb, id]);
  }

  /** Where a manager joins, and its token; an engine is asked first. */
  async entrance() {
    const nodes = await this.view.nodes();
    const manages = ({ name }) => nodes.some((node) => node.name === name && isReached(node));
    for (const { docker } of this.plan.docker.filter(manages)) {
      const token = (await run(docker, ['swarm', 'join-token', '-q', 'manager'])).trim();
      const status = await run(docker, [
        'node',
        'inspect',
        'self',
        '--format',
        "'{{json .ManagerStatus}}'",
      ]);
      return { token, address: JSON.parse(status).Addr };
    }
    const one = this.plan.ours.find(manages) ?? refuse('no manager of the plan can be reached');
    const token = (await run(one.swarmctl, ['cluster', 'join-token', '-q', 'manager'])).trim();
    const listed = JSON.parse(await run(one.swarmctl, ['node', 'ls', '--format', 'json']));
    const address = listed.find(({ description }) => description?.hostname === one.name)
      ?.managerStatus?.addr;
    return { token, address };
  }

  async hasTasks(nodeId) {
    const { ours, docker } = await this.speaker();
    if (docker !== undefined) {
      const listed = await run(docker.docker, [
        'node',
        'ps',
        nodeId,
        '--format',
        "'{{.CurrentState}}'",
      ]);
      return /^(Running|Starting|Preparing|Ready|Assigned|Accepted)/m.test(listed);
    }
    const listed = JSON.parse(await run(ours.swarmctl, ['task', 'ls', '--format', 'json']));
    return listed.some(
      (task) =>
        task.nodeId === nodeId &&
        ['RUNNING', 'STARTING', 'PREPARING', 'READY', 'ASSIGNED', 'ACCEPTED'].includes(
          task.status?.state,
        ),
    );
  }

  /** Asks again until it is so; a manager that does not answer for a moment is no failure. */
  async until(what, fact) {
    const end = Date.now() + this.timeoutMs;
    for (let last = ''; ; ) {
      try {
        if (await fact()) return;
        last = '';
      } catch (error) {
        if (error instanceof Refusal) throw error;
        last = error.message;
      }
      if (Date.now() > end)
        refuse(
          `${what}: not within ${this.timeoutMs / 1_000} s${last && ` (${last})`}; nothing more is done, look at the managers and say the same again`,
        );
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }

  /** What must be so before anything is begun. */
  async refuseWhatCannotWork() {
    const nodes = await this.view.nodes();
    const managers = managersOf(nodes);
    const lost = managers.filter((node) => !isReached(node)).map(({ name }) => name);
    if (lost.length > 0)
      refuse(
        `${lost.join(', ')} cannot be reached: bring it back or remove it first, every step counts on the managers that are there`,
      );
    const names = new Set([...this.plan.ours, ...this.plan.docker].map(({ name }) => name));
    const others = managers.filter(({ name }) => !names.has(name)).map(({ name }) => name);
    if (others.length > 0)
      refuse(`${others.join(', ')} manages too and is not in the plan: put it there`);
    if (await this.isLocked())
      refuse(
        'the swarm is locked: docker swarm update --autolock=false, and lock it again afterwards',
      );
  }

  async isLocked() {
    const { ours, docker } = await this.speaker();
    if (docker !== undefined) {
      const path = '.Swarm.Cluster.Spec.EncryptionConfig.AutoLockManagers';
      return (await run(docker.docker, ['info', '--format', `'{{${path}}}'`])).trim() === 'true';
    }
    const cluster = JSON.parse(
      await run(ours.swarmctl, ['cluster', 'inspect', 'default', '--format', 'json']),
    );
    return cluster.spec?.encryptionConfig?.autoLockManagers === true;
  }
}

// ---- the run ----------------------------------------------------------------------------------------------

const say = (line) => process.stdout.write(`${line}\n`);

async function agreed(yes) {
  if (yes) return true;
  if (!process.stdin.isTTY) return false;
  const reader = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await reader.question('Do this? Type yes: ');
  reader.close();
  return answer.trim() === 'yes';
}

async function main() {
  const words = readWords();
  const migration = new Migration(words);
  await migration.refuseWhatCannotWork();
  const planned = await migration.steps();
  if (planned.length === 0) {
    say('There is nothing to do.');
    return;
  }
  for (const [at, step] of planned.entries()) say(`${at + 1}. ${step.say}`);
  const staying = migration.toOurs ? words.plan.ours : words.plan.docker;
  if (staying.length < 3)
    say(
      `Note: with ${staying.length} managers in the end none may be lost; three survive the loss of one.`,
    );
  if (!(await agreed(words.yes))) refuse('nothing was changed; type yes when asked, or say --yes');
  for (const [at, step] of planned.entries()) {
    const began = Date.now();
    say(`[${at + 1}/${planned.length}] ${step.say} …`);
    await step.do();
    say(`[${at + 1}/${planned.length}] done after ${((Date.now() - began) / 1_000).toFixed(1)} s`);
  }
  say(
    migration.toOurs
      ? 'The swarm is managed by ours alone.'
      : 'The swarm is managed by engines alone.',
  );
}

main().catch((error) => {
  process.stderr.write(`migrate: ${error.message}\n`);
  process.exitCode = 1;
});
