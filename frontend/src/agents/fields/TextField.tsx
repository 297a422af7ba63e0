/** A short text in one line, a long one in a field that grows; how much is left is told when it becomes little. */
import { Textarea, TextInput } from "@mantine/core";
import { ownMessage, type FieldProps } from "./FieldProps";
import { Help } from "./Help";

const LONG_TEXT = 200;
const VERY_LONG_TEXT = 2_000;

export function TextField({ onElement, ...props }: FieldProps) {
  const { schema, onChange, isReadOnly } = props;
  const value = typeof props.value === "string" ? props.value : "";
  const longest = schema.maxLength ?? 0;
  const left = longest - value.length;
  const isNearlyFull = longest > 0 && left < longest / 10;
  const limits = isNearlyFull && left >= 0 ? `${String(left)} characters left` : props.limits;
  const shared = {
    label: props.label,
    description: <Help help={props.help} limits={longest > LONG_TEXT && !isNearlyFull ? "" : limits} />,
    error: ownMessage(props.error),
    name: props.path,
    value,
    onBlur: props.onBlur,
    readOnly: isReadOnly,
    required: props.isRequired,
    // Native validation would speak first, and differently.
    withAsterisk: props.isRequired,
  };
  if (longest <= LONG_TEXT) {
    return (
      <TextInput
        {...shared}
        ref={onElement}
        onChange={(event) => {
          onChange(event.currentTarget.value);
        }}
        maw="28rem"
        spellCheck={false}
        autoComplete="off"
      />
    );
  }
  return (
    <Textarea
      {...shared}
      ref={onElement}
      onChange={(event) => {
        onChange(event.currentTarget.value);
      }}
      autosize
      minRows={longest > VERY_LONG_TEXT ? 7 : 2}
      maxRows={longest > VERY_LONG_TEXT ? 24 : 8}
    />
  );
}
