/** On or off. */
import { Switch } from "@mantine/core";
import { ownMessage, type FieldProps } from "./FieldProps";
import { Help } from "./Help";

export function SwitchField({ onElement, ...props }: FieldProps) {
  return (
    <Switch
      label={props.label}
      description={<Help help={props.help} limits={props.limits} />}
      error={ownMessage(props.error)}
      ref={onElement}
      name={props.path}
      checked={props.value === true}
      disabled={props.isReadOnly}
      onBlur={props.onBlur}
      onChange={(event) => {
        props.onChange(event.currentTarget.checked);
      }}
    />
  );
}
