/** The context of a trace, as OpenTelemetry passes it through environments. https://www.w3.org/TR/trace-context/ */
export interface TraceContext {
  readonly traceparent?: string | undefined;
  readonly tracestate?: string | undefined;
  /** https://www.w3.org/TR/baggage/ */
  readonly baggage?: string | undefined;
}

/** The variables that a plugin's process gets: as libcni names them. */
export function traceVariables(trace: TraceContext | undefined): Record<string, string> {
  const { traceparent, tracestate, baggage } = trace ?? {};
  return {
    ...(traceparent === undefined ? {} : { TRACEPARENT: traceparent }),
    ...(tracestate === undefined ? {} : { TRACESTATE: tracestate }),
    ...(baggage === undefined ? {} : { BAGGAGE: baggage }),
  };
}
