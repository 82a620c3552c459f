import { errnoCode, errnoMeaning } from '../../codec/errno.js';
import { interpose } from '../native.js';
import { programFaults } from './program-faults.js';
import { shimFaults } from './shim-faults.js';

/** What is to go wrong, once. */
export interface Fault {
  /**
   * `refused`: one thing that is asked of the system fails. Of a request with several netlink messages, each is a thing
   * of its own, which the kernel refuses while it takes the others, and so is the whole.
   * `dead`: from the n-th call on all calls fail, so that nothing more is done and nothing undone. What is left is what
   * a process leaves that is killed there, but this one lives on.
   * `killed`: the process kills itself (SIGKILL) in the place of the n-th call.
   */
  readonly kind: 'refused' | 'dead' | 'killed';
  /** 1 is the first thing (refused) or call (dead, killed) after `arm`. */
  readonly nth: number;
  /** What the refused or dead fail with; ENOMEM (12) by default. */
  readonly errno?: number | undefined;
}

/** What was counted since `arm`. */
export interface FaultReport {
  /** Names of the calls. */
  readonly calls: readonly string[];
  /** Things that could be refused. */
  readonly things: number;
  /** The call that went wrong; undefined when there were fewer than `nth`. */
  readonly struck: string | undefined;
}

/** How a call shall go. */
export type Verdict = 'pass' | 'refuse' | { readonly message: number };

/** Decides on every call that the process makes of the system. */
export class Gate {
  #fault: Fault | undefined;
  #calls: string[] = [];
  #things = 0;
  #struck: string | undefined;

  get errno(): number {
    return this.#fault?.errno ?? 12;
  }

  arm(fault: Fault | undefined): void {
    this.#fault = fault;
    this.#calls = [];
    this.#things = 0;
    this.#struck = undefined;
  }

  report(): FaultReport {
    return { calls: this.#calls, things: this.#things, struck: this.#struck };
  }

  /** A call is about to be made, with so many netlink messages, which can be refused one by one. */
  judge(name: string, messages = 0): Verdict {
    const first = this.#things + 1;
    const whole = messages === 1 ? 0 : 1;
    this.#things += messages + whole;
    this.#calls.push(name);
    const fault = this.#fault;
    if (fault === undefined) return 'pass';
    if (fault.kind !== 'refused') {
      if (this.#calls.length < fault.nth) return 'pass';
      this.#struck ??= name;
      if (fault.kind === 'killed') process.kill(process.pid, 'SIGKILL');
      return 'refuse';
    }
    if (fault.nth < first || fault.nth > this.#things) return 'pass';
    const message = fault.nth - first;
    this.#struck = messages > 1 && message < messages ? `${name}, message ${message + 1}` : name;
    return message < messages ? { message } : 'refuse';
  }

  /** Throws when the call is refused: as the shim does, or as node:fs does, whose numbers are negative. */
  pass(name: string, by: 'shim' | 'node' = 'shim'): void {
    if (this.judge(name) === 'pass') return;
    const { errno } = this;
    const code = errnoCode(errno);
    throw Object.assign(new Error(`${code}: ${errnoMeaning(errno).toLowerCase()}, ${name}`), {
      errno: by === 'shim' ? errno : -errno,
      code,
      syscall: name,
    });
  }
}

/**
 * Makes system calls of this process fail, or kills it in the place of one, so that a test can go through all of them:
 * what the shim does (sockets, namespaces, sysctls, locks), what node:fs changes, and starts of processes. Closing,
 * and reading files, always succeed. Only for tests, and only through this class: nothing of it is loaded else.
 */
export class Faults implements Disposable {
  readonly #gate: Gate;
  readonly #remove: readonly (() => void)[];

  private constructor(gate: Gate, remove: readonly (() => void)[]) {
    this.#gate = gate;
    this.#remove = remove;
  }

  /**
   * Begins to watch, for the whole process; one at a time. Sockets that are open already are not watched. Throws
   * NativeUnavailableError.
   */
  static install(): Faults {
    const gate = new Gate();
    return new Faults(gate, [interpose((native) => shimFaults(native, gate)), programFaults(gate)]);
  }

  /** Begins to count anew, and says what is to go wrong; nothing unless given. */
  arm(fault?: Fault): void {
    this.#gate.arm(fault);
  }

  /** What has happened since. */
  report(): FaultReport {
    return this.#gate.report();
  }

  /** Takes everything back. */
  [Symbol.dispose](): void {
    this.#gate.arm(undefined);
    for (const remove of this.#remove) remove();
  }
}
