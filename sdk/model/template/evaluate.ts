/** Runs a parsed template. Pure: what it may look at is in its data and its functions. */
import { functionNames, isTrue, library, print, type TemplateFunction } from './functions.js';
import {
  type Command,
  type Operand,
  parse,
  type Pipe,
  type Step,
  type Template,
} from './parser.js';
import { executionError, TemplateError } from './template-error.js';
import { Struct, type Value } from './value.js';

export interface Expansion {
  readonly data: Value;
  /** Beside the built-in ones. They may throw an Error, whose text becomes part of the message. */
  readonly functions?: Readonly<Record<string, TemplateFunction>>;
}

/** A template never needs more steps than this; a range in a range in a range would. */
const MAX_STEPS = 100_000;
const MAX_BYTES = 4 << 20;

/** The text with its actions carried out. Throws TemplateError. */
export function expandTemplate(text: string, { data, functions = {} }: Expansion): string {
  if (!text.includes('{{')) return text;
  const known = { ...library, ...functions };
  const template = parse(text, new Set([...functionNames, ...Object.keys(functions)]));
  return new Run(template, data, known).text();
}

type Flow = 'on' | 'break' | 'continue';

class Run {
  private readonly out: string[] = [];
  private bytes = 0;
  private steps = 0;
  private readonly variables: { readonly name: string; value: Value }[];

  constructor(
    private readonly template: Template,
    private readonly data: Value,
    private readonly functions: Readonly<Record<string, TemplateFunction>>,
  ) {
    this.variables = [{ name: '$', value: data }];
  }

  text(): string {
    this.run(this.template.body, this.data);
    return this.out.join('');
  }

  private run(steps: readonly Step[], dot: Value): Flow {
    const scope = this.variables.length;
    try {
      for (const step of steps) {
        this.steps += 1;
        if (this.steps > MAX_STEPS) throw new TemplateError('template: expansion: too many steps');
        const flow = this.step(step, dot);
        if (flow !== 'on') return flow;
      }
      return 'on';
    } finally {
      this.variables.length = scope;
    }
  }

  private step(step: Step, dot: Value): Flow {
    switch (step.kind) {
      case 'text':
        this.say(step.text);
        return 'on';
      case 'print': {
        const value = this.pipe(step.pipe, dot);
        if (step.pipe.names.length === 0) this.say(print(value));
        return 'on';
      }
      case 'if':
      case 'with': {
        const scope = this.variables.length;
        const value = this.pipe(step.pipe, dot);
        const flow = isTrue(value)
          ? this.run(step.body, step.kind === 'with' ? value : dot)
          : this.run(step.otherwise, dot);
        this.variables.length = scope;
        return flow;
      }
      case 'range':
        return this.range(step, dot);
      default:
        return step.kind;
    }
  }

  private range(step: Extract<Step, { kind: 'range' }>, dot: Value): Flow {
    const { names } = step.pipe;
    const value = this.pipe({ ...step.pipe, names: [] }, dot);
    const entries = entriesOf(value);
    if (entries === undefined)
      throw this.failed(
        step.pipe.commands[0] as Command,
        `range can't iterate over ${print(value)}`,
      );
    if (entries.length === 0) return this.run(step.otherwise, dot);
    const scope = this.variables.length;
    for (const [key, item] of entries) {
      const values = names.length === 2 ? [key, item] : [item];
      for (const [i, name] of names.entries()) this.variables.push({ name, value: values[i] });
      const flow = this.run(step.body, item);
      this.variables.length = scope;
      if (flow === 'break') break;
    }
    return 'on';
  }

  private pipe(pipe: Pipe, dot: Value): Value {
    let value: Value;
    pipe.commands.forEach((command, i) => {
      value = this.command(command, dot, i === 0 ? [] : [value]);
    });
    for (const name of pipe.names) {
      const old = this.variables.findLast((one) => one.name === name);
      if (pipe.declares || old === undefined) this.variables.push({ name, value });
      else old.value = value;
    }
    return value;
  }

  private command(command: Command, dot: Value, piped: readonly Value[]): Value {
    const [head, ...rest] = command.words as readonly [Operand, ...Operand[]];
    if (head.kind !== 'function') {
      const given = rest.length + piped.length;
      if (given > 0) throw this.failed(head, `can't give argument to non-function ${head.shown}`);
      return this.operand(head, dot);
    }
    // `and` and `or` stop at the first argument that decides.
    if (head.name === 'and' || head.name === 'or') {
      let value: Value;
      for (const operand of rest) {
        value = this.operand(operand, dot);
        if (isTrue(value) === (head.name === 'or')) return value;
      }
      return piped.length > 0 ? piped[0] : value;
    }
    return this.call(command, head, [...rest.map((one) => this.operand(one, dot)), ...piped]);
  }

  private call(
    command: Command,
    head: Operand & { kind: 'function' },
    args: readonly Value[],
  ): Value {
    const work = this.functions[head.name] as TemplateFunction;
    try {
      return work(...args);
    } catch (error) {
      if (error instanceof TemplateError) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      throw this.failed(
        { at: head.at, shown: command.shown },
        `error calling ${head.name}: ${reason}`,
      );
    }
  }

  private operand(operand: Operand, dot: Value): Value {
    switch (operand.kind) {
      case 'constant':
        return operand.value;
      case 'function':
        return this.call({ words: [operand], at: operand.at, shown: operand.shown }, operand, []);
      case 'path': {
        const { from } = operand;
        const start =
          from === 'dot' ? dot : this.variables.findLast((one) => one.name === from)?.value;
        return this.fields(start, operand.fields, operand);
      }
      default:
        return this.fields(this.pipe(operand.pipe, dot), operand.fields, operand);
    }
  }

  private fields(start: Value, names: readonly string[], operand: Operand): Value {
    let value = start;
    for (const name of names) {
      if (value instanceof Struct) {
        if (!(name in value.fields))
          throw this.failed(operand, `can't evaluate field ${name} in type ${value.type}`);
        value = value.fields[name];
      } else if (value instanceof Map) {
        if (!value.has(name)) throw this.failed(operand, `map has no entry for key "${name}"`);
        value = value.get(name);
      } else if (value === undefined)
        throw this.failed(operand, `nil data; no entry for key "${name}"`);
      else throw this.failed(operand, `can't evaluate field ${name} in type ${typeName(value)}`);
    }
    return value;
  }

  private say(text: string): void {
    this.bytes += text.length;
    if (this.bytes > MAX_BYTES)
      throw new TemplateError('template: expansion: the result is too large');
    this.out.push(text);
  }

  private failed(where: { readonly at: number; readonly shown: string }, problem: string): Error {
    return executionError(this.template.text, where.at, where.shown, problem);
  }
}

const typeName = (value: Value): string => (typeof value === 'bigint' ? 'int' : typeof value);

function entriesOf(value: Value): readonly (readonly [Value, Value])[] | undefined {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value.map((item, i) => [BigInt(i), item] as const);
  // Go goes through a map in the order of its keys.
  if (value instanceof Map) return [...value].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  if (typeof value === 'bigint' && value <= BigInt(MAX_STEPS))
    return Array.from({ length: Number(value) }, (_, i) => [BigInt(i), BigInt(i)] as const);
  return undefined;
}
