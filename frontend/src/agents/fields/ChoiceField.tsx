/** One of a few. */
import { NativeSelect } from "@mantine/core";
import { choiceText } from "../words";
import { ownMessage, type FieldProps } from "./FieldProps";
import { Help } from "./Help";

export function ChoiceField({ onElement, ...props }: FieldProps) {
  const choices = props.schema.enum ?? [];
  return (
    <NativeSelect
      label={props.label}
      description={<Help help={props.help} limits={props.limits} />}
      error={ownMessage(props.error)}
      ref={onElement}
      name={props.path}
      value={String(props.value)}
      data={choices.map((value) => ({ value, label: choiceText(props.path, value) }))}
      disabled={props.isReadOnly}
      onBlur={props.onBlur}
      maw="28rem"
      onChange={(event) => {
        props.onChange(event.currentTarget.value);
      }}
    />
  );
}
