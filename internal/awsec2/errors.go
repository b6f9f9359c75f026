package awsec2

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Class says what an error of EC2 means for whoever called.
type Class string

// Classes.
const (
	// Retry: the same call may work in a moment.
	Retry Class = "retry"
	// Wait: something else has to go first, which takes its time (tear-down).
	Wait Class = "wait"
	// Elsewhere: another instance type or zone may work.
	Elsewhere Class = "elsewhere"
	// Done: what the call was to bring about is so already.
	Done Class = "done"
	// Terminal: a person has to act.
	Terminal Class = "terminal"
)

// The codes of each class. They stand in the EC2 API reference, "Error codes
// for the Amazon EC2 API", unless noted.
var (
	waitCodes      = set("DependencyViolation", "InvalidGroup.InUse", "InvalidIPAddress.InUse", "VolumeInUse", "InvalidNetworkInterface.InUse")
	elsewhereCodes = set("InsufficientInstanceCapacity", "InsufficientHostCapacity", "InsufficientReservedInstanceCapacity",
		"Unsupported", "VcpuLimitExceeded", "InsufficientFreeAddressesInSubnet", "SpotMaxPriceTooLow", "InstanceLimitExceeded")
	doneCodes = set("RouteAlreadyExists", "InvalidPermission.Duplicate", "InvalidGroup.Duplicate", "Resource.AlreadyAssociated",
		"Resource.AlreadyAttached", "Gateway.NotAttached", "InvalidPermission.NotFound", "FlowLogAlreadyExists")
	quotaCodes = map[string]string{
		"VpcLimitExceeded":              "VPCs per Region (5 by default)",
		"AddressLimitExceeded":          "EC2-VPC Elastic IPs (5 by default)",
		"NatGatewayLimitExceeded":       "NAT gateways per Availability Zone (5 by default)",
		"InternetGatewayLimitExceeded":  "Internet gateways per Region (5 by default)",
		"SubnetLimitExceeded":           "Subnets per VPC (200 by default)",
		"RouteTableLimitExceeded":       "Route tables per VPC (200 by default)",
		"SecurityGroupLimitExceeded":    "VPC security groups per Region (2500 by default)",
		"VpcEndpointLimitExceeded":      "Gateway VPC endpoints per Region (20 by default)",
		"NetworkInterfaceLimitExceeded": "Network interfaces per Region (5000 by default)",
		"VolumeLimitExceeded":           "Storage for gp3 volumes, in TiB (50 by default)",
		"MaxIOPSLimitExceeded":          "IOPS of volumes",
		"VcpuLimitExceeded":             "Running On-Demand Standard instances, in vCPU",
		"InstanceLimitExceeded":         "Running On-Demand instances",
	}
	permissionCodes = set("UnauthorizedOperation", "AuthFailure", "AccessDenied", "OptInRequired", "PendingVerification", "Blocked",
		"InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "ExpiredToken", "RequestExpired")
	// What a setting names does not exist: no fresh thing that only has to show itself.
	settingCodes    = set("InvalidAMIID.NotFound", "InvalidAMIID.Malformed", "InvalidAMIID.Unavailable", "InvalidSnapshot.NotFound")
	spentTokenCodes = set("IdempotentParameterMismatch", "IdempotentInstanceTerminated")
	retryCodes      = set("RequestLimitExceeded", "Throttling", "ThrottlingException", "InternalError", "InternalFailure",
		"ServiceUnavailable", "Unavailable", "IncorrectState", "IncorrectInstanceState", "InvalidState", "ConcurrentTagAccess", "RequestTimeout",
		"InvalidNetworkInterface.NotAvailable", "ServerInternal", "EC2ThrottledException")
)

func set(codes ...string) map[string]bool {
	s := make(map[string]bool, len(codes))
	for _, c := range codes {
		s[c] = true
	}
	return s
}

// Code is EC2's code of an error, or "".
func Code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// IsNotFound is whether the error says that something does not exist. Fresh
// things may not be found for a while.
func IsNotFound(err error) bool {
	code := Code(err)
	// A missing NAT gateway has two codes: NatGatewayNotFound and InvalidNatGatewayID.NotFound.
	return strings.HasSuffix(code, "NotFound")
}

// IsSpentToken is whether the client token stands for an earlier call: one with
// other parameters, or one whose instance is gone.
func IsSpentToken(err error) bool { return spentTokenCodes[Code(err)] }

// heldByNAT is whether ReleaseAddress says AuthFailure, as it does while a NAT
// gateway holds the address. Any other call that says it has bad credentials.
func heldByNAT(err error) bool {
	var operation *smithy.OperationError
	return Code(err) == "AuthFailure" && errors.As(err, &operation) && operation.OperationName == "ReleaseAddress"
}

// ClassOf says what an error means. Errors that are not EC2's (the network,
// a context) are Retry; EC2 errors of unknown kinds are Terminal when their
// status is one of the client's fault.
func ClassOf(err error) Class {
	code := Code(err)
	switch {
	case err == nil:
		return ""
	case code == "":
		return Retry
	case elsewhereCodes[code]:
		return Elsewhere
	case waitCodes[code], heldByNAT(err):
		return Wait
	case doneCodes[code]:
		return Done
	case settingCodes[code]:
		return Terminal
	case retryCodes[code], IsNotFound(err):
		return Retry
	case quotaCodes[code] != "", permissionCodes[code]:
		return Terminal
	}
	// The SDK does not say of EC2's errors whose fault they are; the status does.
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.HTTPStatusCode() >= http.StatusInternalServerError {
		return Retry
	}
	return Terminal
}

// Explain is an error in a sentence for people, with what to do.
func Explain(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return err.Error()
	}
	doing := doingOf(err)
	code, message := api.ErrorCode(), api.ErrorMessage()
	switch {
	case quotaCodes[code] != "":
		return fmt.Sprintf("%s%s: the account's quota %q is used up: raise it in Service Quotas, or delete what is not needed; then push again, or `starter retry` (%s)", doing, code, quotaCodes[code], message)
	case permissionCodes[code]:
		return fmt.Sprintf("%s%s: the worker's credentials may not do this: compare its policy with docs/iam-policy.json, then push again, or `starter retry` (%s)", doing, code, message)
	case settingCodes[code]:
		return fmt.Sprintf("%s%s: the image that the worker's settings name cannot be used: set another (worker --help: image), then push again, or `starter retry` (%s)", doing, code, message)
	case strings.HasPrefix(code, "InvalidParameter") || strings.HasPrefix(code, "InvalidVpc.") || strings.HasPrefix(code, "InvalidSubnet.") || strings.HasPrefix(code, "Malformed") ||
		code == "UnknownParameter" || code == "MissingParameter":
		return fmt.Sprintf("%s%s: EC2 does not take a value, probably one of the worker's settings: mend it, then push again, or `starter retry` (%s)", doing, code, message)
	}
	return fmt.Sprintf("%s%s: %s", doing, code, message)
}

// doingOf is what was tried, as the wrapping errors say, without the SDK's own words.
func doingOf(err error) string {
	text := err.Error()
	if at := strings.Index(text, "operation error"); at > 0 {
		return text[:at]
	}
	return ""
}
